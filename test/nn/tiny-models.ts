/** Small models and their data, for the tests of the rooms above tensor and autograd. */

import { expect } from "chai";
import { Bert, type CausalBatch, Gpt, type MaskedBatch, type Module } from "../../src/nn/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** Tokens in one batch of {@link causalBatch} and {@link maskedBatch}: 3 sequences of 6. */
export const TINY_TOKENS = 18;
/** Of which {@link maskedBatch} masks this many. */
export const TINY_MASKED = 5;

const SIZE = { hidden: 8, heads: 2, context: 6, vocabulary: 11 };

export function tinyGpt(options: { layers: number; dropout?: number; seed?: number }): Gpt {
  return new Gpt({ ...SIZE, ...options });
}

export function tinyBert(options: { layers: number; dropout?: number; seed?: number; norm?: "pre" | "post" }): Bert {
  return new Bert({ ...SIZE, ...options });
}

/** The batch of a step's micro-batch: a function of its arguments alone. */
export function causalBatch(step: number, microBatch = 0): CausalBatch {
  const random = Random.stream(99, `causal ${step} ${microBatch}`);
  const ids = Int32Array.from({ length: TINY_TOKENS }, () => random.integer(SIZE.vocabulary));
  const next = Int32Array.from({ length: TINY_TOKENS }, () => random.integer(SIZE.vocabulary));
  return { inputs: Tensor.from(ids, [3, 6], "i32"), targets: Tensor.from(next, [3, 6], "i32") };
}

export function maskedBatch(step: number, microBatch = 0): MaskedBatch {
  const random = Random.stream(99, `masked ${step} ${microBatch}`);
  const ids = Int32Array.from({ length: TINY_TOKENS }, () => random.integer(SIZE.vocabulary));
  const positions = random.permutation(TINY_TOKENS).slice(0, TINY_MASKED).sort();
  return {
    inputs: Tensor.from(ids, [3, 6], "i32"),
    positions: Tensor.from(positions, [TINY_MASKED], "i32"),
    targets: Tensor.from(
      positions.map((position) => (ids[position] + 1) % SIZE.vocabulary),
      [TINY_MASKED],
      "i32",
    ),
  };
}

/** Plain copies of all parameters in memory, by name. */
export function weightsOf(model: Module): Map<string, number[]> {
  return new Map([...model.stateDict({ partial: true })].map(([name, { values }]) => [name, Array.from(values)]));
}

/**
 * Gives every parameter random values, so that no two layers are alike and LayerNorms and biases take part; matrices
 * 1/√rows to keep the signal at its size.
 */
export function randomise(model: Module, seed: number): void {
  for (const [name, parameter] of model.namedParameters()) {
    const random = Random.stream(seed, `weights of ${name}`);
    const deviation = parameter.rank > 1 ? 1 / Math.sqrt(parameter.shape[0]) : 0.3;
    const centre = name.endsWith("orm.weight") ? 1 : 0;
    const { numbers } = parameter;
    for (let index = 0; index < numbers.length; index++) numbers[index] = centre + deviation * random.normal();
  }
}

/** Asserts that two flat arrays hold the same bits (+0 and −0 differ, NaN equals itself). */
export function expectSameNumbers(actual: ArrayLike<number>, expected: ArrayLike<number>, what = "values"): void {
  expect(actual.length, `length of ${what}`).to.equal(expected.length);
  for (let index = 0; index < actual.length; index++) {
    if (!Object.is(actual[index], expected[index]))
      expect.fail(`${what}[${index}]: ${actual[index]} instead of ${expected[index]}`);
  }
}

export function expectSameWeights(actual: Map<string, number[]>, expected: Map<string, number[]>): void {
  expect([...actual.keys()]).to.deep.equal([...expected.keys()]);
  for (const [name, values] of expected) expectSameNumbers(actual.get(name)!, values, name);
}
