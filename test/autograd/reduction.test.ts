import { expect } from "chai";
import fc from "fast-check";
import {
  argmax,
  logSumExp,
  max,
  mean,
  min,
  type ReductionOptions,
  sum,
  tensor,
  variance,
  zeros,
} from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { build, expectNumbers, f64, type Index, indicesOf, normals, pick, seeds, shapesWithAxes } from "./nested.ts";

const average = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const squares = (values: number[]) => values.map((value) => (value - average(values)) ** 2);
const REDUCTIONS: Record<string, [(x: Tensor, options?: ReductionOptions) => Tensor, (values: number[]) => number]> = {
  sum: [sum, (values) => values.reduce((a, b) => a + b, 0)],
  mean: [mean, average],
  max: [max, (values) => Math.max(...values)],
  min: [min, (values) => Math.min(...values)],
  variance: [variance, (values) => average(squares(values))],
  "variance, unbiased": [
    (x, options) => variance(x, { ...options, correction: 1 }),
    (values) => squares(values).reduce((a, b) => a + b) / (values.length - 1),
  ],
  logSumExp: [logSumExp, (values) => Math.log(values.map(Math.exp).reduce((a, b) => a + b))],
  argmax: [argmax, (values) => values.indexOf(Math.max(...values))],
};

/** The shape that remains, and the numbers that an index of it stands for, in row-major order. */
function reduced(shape: Index, axes: readonly number[], keepAxes: boolean) {
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const resultShape = keepAxes
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : kept.map((axis) => shape[axis]);
  const members = (index: Index) => {
    const wanted = keepAxes ? kept.map((axis) => index[axis]) : index;
    return indicesOf(shape).filter((at) => kept.every((axis, order) => at[axis] === wanted[order]));
  };
  return { resultShape, members };
}

describe("reductions", () => {
  for (const [name, [operation, plain]] of Object.entries(REDUCTIONS)) {
    it(`${name}: over any axes, kept or not`, () => {
      fc.assert(
        fc.property(shapesWithAxes, fc.boolean(), seeds, ({ shape, axes: { axes, named } }, keepAxes, seed) => {
          scope(() => {
            const random = new Random(seed);
            // Halves, so that the largest is there more than once now and then.
            const values = build(shape, () => Math.round(4 * random.normal()) / 2);
            const { resultShape, members } = reduced(shape, axes, keepAxes);
            expectNumbers(operation(f64(values), { axes: named, keepAxes }), resultShape, (index) =>
              plain(members(index).map((at) => pick(values, at))),
            );
          });
        }),
        { seed: 1, numRuns: 80 },
      );
    });

    it(`${name}: over everything when no axes are named, over one when one is`, () => {
      scope(() => {
        const values = normals(new Random(2), [3, 4]);
        const all = (values as number[][]).flat();
        const x = f64(values);
        expectNumbers(operation(x), [], () => plain(all));
        expectNumbers(operation(x, { axes: -1 }), [3], ([row]) => plain((values as number[][])[row]));
      });
    });
  }

  it("max and min: equal extremes share the gradient", () => {
    fc.assert(
      fc.property(shapesWithAxes, seeds, fc.boolean(), ({ shape, axes: { axes } }, seed, largest) => {
        scope(() => {
          const random = new Random(seed);
          const values = build(shape, () => random.integer(3));
          const x = f64(values, { requiresGrad: true });
          const weights = normals(random, reduced(shape, axes, true).resultShape);
          sum((largest ? max : min)(x, { axes, keepAxes: true }).mul(f64(weights))).backward();
          const { members } = reduced(shape, axes, true);
          expectNumbers(x.grad!, shape, (index) => {
            const place = index.map((at, axis) => (axes.includes(axis) ? 0 : at));
            const group = members(place).map((at) => pick(values, at));
            const extreme = largest ? Math.max(...group) : Math.min(...group);
            if (pick(values, index) !== extreme) return 0;
            return pick(weights, place) / group.filter((value) => value === extreme).length;
          });
        });
      }),
      { seed: 3, numRuns: 50 },
    );
  });

  it("logSumExp neither overflows nor underflows", () => {
    scope(() => {
      expect(logSumExp(f64([1000, 1000])).item()).to.equal(1000 + Math.log(2));
      expect(logSumExp(f64([-1000, -1000])).item()).to.equal(-1000 + Math.log(2));
      expect(logSumExp(tensor([3e38, 0])).item()).to.equal(Math.fround(3e38));
      expect(logSumExp(f64([Number.POSITIVE_INFINITY, 1])).item()).to.equal(Number.POSITIVE_INFINITY);
      expect(logSumExp(f64([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])).item()).to.equal(
        Number.NEGATIVE_INFINITY,
      );
    });
  });

  it("argmax gives i32 indices of the first largest, and records nothing", () => {
    scope(() => {
      const x = tensor(
        [
          [1, 5, 5],
          [7, 7, 0],
        ],
        { requiresGrad: true },
      );
      const rows = argmax(x, { axes: 1 });
      expect(rows.dtype).to.equal("i32");
      expect(rows.toArray()).to.deep.equal([1, 0]);
      expect(argmax(x, { axes: [0, 1] }).item()).to.equal(3);
      expect(rows.node).to.equal(null);
      expect(argmax(x.transpose().reshape([3, 2, 1]), { axes: [0, 2] }).node).to.equal(null);
    });
  });

  it("argmax points at the first NaN, the largest that max gives", () => {
    scope(() => {
      const x = f64([
        [1, Number.NaN, 3],
        [Number.NaN, 7, Number.NaN],
        [1, 2, Number.NaN],
      ]);
      expect(argmax(x, { axes: 1 }).toArray()).to.deep.equal([1, 0, 2]);
      expect(max(x, { axes: 1 }).toArray()).to.deep.equal([Number.NaN, Number.NaN, Number.NaN]);
    });
  });

  it("an empty axis has the sum 0 and no largest element", () => {
    scope(() => {
      expect(sum(zeros([2, 0]), { axes: 1 }).toArray()).to.deep.equal([0, 0]);
      expect(sum(zeros([0])).item()).to.equal(0);
      for (const [name, operation] of Object.entries({ max, min, argmax })) {
        expect(() => operation(zeros([2, 0]), { axes: 1 })).to.throw(`${name}: axis 1 of [2, 0] is empty`);
        expect(operation(zeros([2, 0]), { axes: 0 }).shape).to.deep.equal([0]);
      }
    });
  });
});
