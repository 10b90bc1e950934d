/** Plain loops over nested arrays, which the operations are compared with. */

import { expect } from "chai";
import fc from "fast-check";
import { tensor } from "../../src/autograd/index.ts";
import type { Random } from "../../src/tensor/random.ts";
import type { NestedNumbers, Tensor } from "../../src/tensor/tensor.ts";

export type Index = readonly number[];

/** Seeds of the numbers in a property. */
export const seeds = fc.nat(2 ** 30);

/** Shapes of small tensors; no axis is empty. */
export function shapes(options: { minimumRank?: number; maximumRank?: number; longest?: number } = {}) {
  const { minimumRank = 0, maximumRank = 4, longest = 4 } = options;
  return fc.array(fc.integer({ min: 1, max: longest }), { minLength: minimumRank, maxLength: maximumRank });
}

/** A shape and some of its axes, any of them in their negative form, in any order. */
export const shapesWithAxes = shapes().chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc
      .shuffledSubarray(shape.map((_, axis) => axis))
      .chain((axes) =>
        fc.tuple(...axes.map((axis) => fc.constantFrom(axis, axis - shape.length))).map((named) => ({ axes, named })),
      ),
  }),
);

/** Two shapes that broadcast, and their common one. */
export const broadcastPairs = shapes({ longest: 5 }).chain((whole) => {
  const thinned = fc
    .tuple(fc.nat(whole.length), fc.array(fc.boolean(), { minLength: whole.length, maxLength: whole.length }))
    .map(([dropped, ones]) => whole.map((size, axis) => (ones[axis] ? 1 : size)).slice(dropped));
  return fc.tuple(thinned, thinned).map(([a, b]) => ({ a, b, whole: broadcast(a, b) }));
});

/** The common shape, aligned at the last axis. */
function broadcast(a: Index, b: Index): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, fromStart) => {
    const fromEnd = Math.max(a.length, b.length) - fromStart;
    return Math.max(a[a.length - fromEnd] ?? 1, b[b.length - fromEnd] ?? 1);
  });
}

/** Nested arrays of a shape. */
export function build(shape: Index, value: (index: Index) => number, prefix: Index = []): NestedNumbers {
  if (prefix.length === shape.length) return value(prefix);
  return Array.from({ length: shape[prefix.length] }, (_, at) => build(shape, value, [...prefix, at]));
}

/** The number at an index. */
export function pick(values: NestedNumbers, index: Index): number {
  return index.reduce<NestedNumbers>((part, at) => (part as NestedNumbers[])[at], values) as number;
}

/** The number that broadcasting puts at an index of a larger shape. */
export function pickBroadcast(values: NestedNumbers, shape: Index, index: Index): number {
  const own = index.slice(index.length - shape.length);
  return pick(
    values,
    own.map((at, axis) => (shape[axis] === 1 ? 0 : at)),
  );
}

/** All indices of a shape in row-major order. */
export function indicesOf(shape: Index): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, at) => [...index, at])),
    [[]],
  );
}

/** Standard normal numbers. */
export function normals(random: Random, shape: Index): NestedNumbers {
  return build(shape, () => random.normal());
}

/** Numbers in a range. */
export function between(random: Random, shape: Index, low: number, high: number): NestedNumbers {
  return build(shape, () => low + (high - low) * random.uniform());
}

/** Double precision: what is compared is the operation, not its rounding. */
export function f64(values: NestedNumbers, options: { requiresGrad?: boolean } = {}): Tensor {
  return tensor(values, { dtype: "f64", ...options });
}

/** Asserts shape and numbers, to `tolerance` of 1 + |number|; NaN equals itself. */
export function expectNumbers(
  actual: Tensor,
  shape: Index,
  expected: (index: Index) => number,
  tolerance = 1e-12,
): void {
  expect(actual.shape).to.deep.equal([...shape]);
  const values = actual.toArray();
  for (const index of indicesOf(shape)) {
    const [is, should] = [pick(values, index), expected(index)];
    const isRight =
      Object.is(is, should) || is === should || Math.abs(is - should) <= tolerance * (1 + Math.abs(should));
    if (!isRight) expect.fail(`at [${index.join(", ")}]: ${is} instead of ${should}`);
  }
}
