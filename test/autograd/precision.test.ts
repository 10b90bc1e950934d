import { expect } from "chai";
import fc from "fast-check";
import { gradientsOf } from "../../src/autograd/backward.ts";
import { defineOp, type OpRecord } from "../../src/autograd/op.ts";
import { opTable } from "../../src/autograd/ops/index.ts";
import { configureEngine, type EngineOptions } from "../../src/tensor/engine.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TESTED_VARIANTS } from "../variants.ts";

/**
 * The kernels are held to 1e-5 of their expression in absolute values, entry by entry (test/tensor/simd-kernels.test.ts).
 * At the level of operations that expression is not to be had; what stands for it is 1 + the largest entry of the result.
 */
const ALLOWED = 1e-5;
/** The longest axis of one sample in three: several times the eight elements that a vector loop takes at once. */
const LONGEST = 40;

const SETS: [label: string, EngineOptions][] = [
  ["reference", { kernels: "reference" }],
  ["blocked", { kernels: "blocked" }],
  ...TESTED_VARIANTS.map((variant): [string, EngineOptions] => [`simd, ${variant}`, { kernels: "simd", variant }]),
];

/** Result and gradients of one random application in an element type; every number is the same to the last bit of f32. */
function apply(record: OpRecord<unknown>, seed: number, dtype: "f32" | "f64"): Tensor[] {
  const random = new Random(seed);
  const { inputs, options } = record.sample(random, random.integer(3) === 0 ? LONGEST : undefined);
  const operands = inputs.map(({ shape, values, dtype: indices, differentiable = true }) => {
    const size = sizeOf(shape);
    const drawn = values?.(random, size) ?? Array.from({ length: size }, () => random.normal());
    const operand = Tensor.from(indices ? drawn : Float32Array.from(drawn), shape, indices ?? dtype);
    operand.requiresGrad = indices === undefined && differentiable && record.backward !== undefined;
    return operand;
  });
  const result = defineOp(record)(operands, options);
  const leaves = operands.filter(({ requiresGrad }) => requiresGrad);
  if (leaves.length === 0) return [result];
  const gradient = Tensor.from(
    Float32Array.from({ length: result.size }, () => random.normal()),
    result.shape,
    dtype,
  );
  return [result, ...gradientsOf(result, leaves, { gradient })];
}

function expectNear(actual: Tensor, exact: Tensor): void {
  expect(actual.shape).to.deep.equal(exact.shape);
  const allowed = ALLOWED * (1 + Math.max(0, ...Array.from(exact.data, Math.abs)));
  actual.data.forEach((value, index) => {
    const should = exact.data[index];
    if (!(Math.abs(value - should) <= allowed))
      expect.fail(`element ${index}: ${value} instead of ${should} ± ${allowed}`);
  });
}

describe("operations in f32 against f64", () => {
  after(() => configureEngine());

  for (const [label, options] of SETS) {
    it(`${label} kernels: every operation and its gradients`, () => {
      configureEngine({ ...options, threads: 1 });
      for (const [name, record] of opTable) {
        const property = fc.property(fc.nat(2 ** 30), (seed) => {
          scope(() => {
            const exact = apply(record, seed, "f64");
            apply(record, seed, "f32").forEach((actual, index) => {
              try {
                expectNear(actual, exact[index]);
              } catch (error) {
                throw new Error(`${name}, ${index === 0 ? "result" : `gradient ${index - 1}`}: ${error}`);
              }
            });
          });
        });
        fc.assert(property, { seed: 1, numRuns: 40 });
      }
    });
  }
});
