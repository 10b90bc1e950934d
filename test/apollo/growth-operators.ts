/** What the tests of learned growth operators share: small and large models, and what every operator must do. */

import { expect } from "chai";
import { train } from "../../src/apollo/algorithm.ts";
import type { OperatorModel } from "../../src/apollo/growth/operator-model.ts";
import type { SizedModel } from "../../src/apollo/layered-model.ts";
import type { SmallModel } from "../../src/apollo/method.ts";
import { type Module, straightPath } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { scope } from "../../src/tensor/scope.ts";
import { modelOf, smallOf } from "../nn/growing-models.ts";
import { causalBatch, expectSameNumbers, maskedBatch, randomise, TINY_TOKENS, weightsOf } from "../nn/tiny-models.ts";

export type Family = "gpt" | "bert";
export const FAMILIES: readonly Family[] = ["gpt", "bert"];

/** Layers and heads. */
export type Sizes = { from: [number, number]; to: [number, number] };

/** A small model with random weights, a large one, and the operator between them. */
export function operatorBetween<Operator>(
  family: Family,
  sizes: Sizes,
  make: (models: { small: SmallModel; large: SizedModel; seed: number }) => Operator,
) {
  const [small, large] = [sizes.from, sizes.to].map(([layers, heads]) => modelOf(family, { layers, heads }));
  randomise(small, 3);
  return { small, large, operator: make({ large: large as unknown as SizedModel, small: smallOf(small), seed: 5 }) };
}

export const batchOf = (family: Family, step: number) =>
  (family === "gpt" ? causalBatch(step) : maskedBatch(step)) as never;

/**
 * Every coefficient's gradient is the slope of the large model's loss along it.
 * @param blind a parameter on which no loss depends.
 */
export function expectGradients(operator: OperatorModel, family: Family, blind: string | null = null): void {
  const lossOf = () => operator.loss(batchOf(family, 0), { path: straightPath(operator.blocks) });
  const lossAt = () => scope(() => lossOf().item());
  scope(() => lossOf().backward());
  for (const [name, parameter] of operator.namedParameters()) {
    const gradient = Float32Array.from(parameter.grad!.numbers);
    // Along its own gradient, by a step that f32 can tell.
    const norm = Math.hypot(...gradient);
    expect(norm < 1e-6, `${name}: ${norm}`).to.equal(name === blind);
    if (name === blind) continue;
    const step = 0.01 / norm;
    const start = Float32Array.from(parameter.numbers);
    const moved = (sign: number) => {
      start.forEach((value, index) => {
        parameter.numbers[index] = value + sign * step * gradient[index];
      });
      return lossAt();
    };
    const slope = (moved(1) - moved(-1)) / (2 * step * norm);
    parameter.numbers.set(start);
    expect(slope / norm, name).to.be.closeTo(1, 0.05);
  }
}

/** The coefficients learn by the one training loop; the large model's own weights wait for `apply`. */
export function expectLearns(operator: OperatorModel, large: Module, family: Family, learningRate: number): void {
  const before = weightsOf(large);
  const losses = [
    ...train({
      model: operator,
      method: scratch({}, { steps: 60, targetDepth: operator.blocks.length }),
      ...{ optimizer: new AdamW(operator.parameters()), learningRate: () => learningRate },
      ...{ batchAt: () => batchOf(family, 0), tokensPerBatch: TINY_TOKENS, seed: 1 },
    }),
  ].map(({ loss }) => loss);
  expect(losses.at(-1)).to.be.lessThan(losses[0] - 0.1);
  for (const [name, values] of weightsOf(large)) expectSameNumbers(values, before.get(name) ?? values, name);
  operator.apply();
  const whole = large as unknown as SizedModel;
  const loss = scope(() => whole.loss(batchOf(family, 0), { path: straightPath(whole.blocks) }).item());
  expect(loss).to.be.lessThan(losses.at(-1)! + 0.05);
}
