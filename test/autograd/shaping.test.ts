import { expect } from "chai";
import fc from "fast-check";
import {
  concat,
  embedding,
  expand,
  gather,
  indexSelect,
  permute,
  reshape,
  slice,
  split,
  stack,
  sum,
  tensor,
  transpose,
} from "../../src/autograd/index.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { build, expectNumbers, f64, indicesOf, normals, pick, seeds, shapes } from "./nested.ts";

const i32 = (values: Parameters<typeof tensor>[0]) => tensor(values, { dtype: "i32" });

/** A shape of one axis and more, one of its axes, and that axis as it may be named. */
const shapesWithAxis = shapes({ minimumRank: 1 }).chain((shape) =>
  fc
    .nat(shape.length - 1)
    .chain((axis) => fc.constantFrom(axis, axis - shape.length).map((named) => ({ shape, axis, named }))),
);

/** The index with one entry replaced. */
const withAt = (index: readonly number[], axis: number, value: number) =>
  index.map((at, other) => (other === axis ? value : at));

describe("reshape", () => {
  it("keeps the elements in row-major order, and finds out one size by itself", () => {
    fc.assert(
      fc.property(shapes(), shapes({ minimumRank: 1 }), seeds, fc.nat(), (shape, other, seed, at) => {
        scope(() => {
          const values = normals(new Random(seed), [...shape, ...other]);
          const flat = indicesOf([...shape, ...other]).map((index) => pick(values, index));
          const target = [...other, ...shape];
          const expected = (index: readonly number[]) =>
            flat[index.reduce((total, one, axis) => total * target[axis] + one, 0)];
          expectNumbers(reshape(f64(values), target), target, expected);
          const unknown = target.map((size, axis) => (axis === at % target.length ? -1 : size));
          expectNumbers(reshape(f64(values), unknown), target, expected);
        });
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it("copies nothing", () => {
    scope(() => {
      const x = f64([1, 2, 3, 4]);
      const y = x.reshape([2, -1]);
      expect(y.storage).to.equal(x.storage);
      expect(reshape(x, [4])).to.equal(x);
      expect(reshape(f64([]), [3, 0]).shape).to.deep.equal([3, 0]);
    });
  });
});

describe("permute and transpose", () => {
  it("put axes into another order, and gradients back", () => {
    const orders = shapes().chain((shape) =>
      fc
        .shuffledSubarray(
          shape.map((_, axis) => axis),
          { minLength: shape.length },
        )
        .map((order) => ({ shape, order })),
    );
    fc.assert(
      fc.property(orders, seeds, ({ shape, order }, seed) => {
        scope(() => {
          const random = new Random(seed);
          const values = normals(random, shape);
          const target = order.map((axis) => shape[axis]);
          const source = (index: readonly number[]) => shape.map((_, axis) => index[order.indexOf(axis)]);
          const x = f64(values, { requiresGrad: true });
          const named = order.map((axis) => (random.integer(2) === 0 ? axis : axis - shape.length));
          const y = permute(x, named);
          expectNumbers(y, target, (index) => pick(values, source(index)));
          const weights = normals(random, target);
          sum(y.mul(f64(weights))).backward();
          expectNumbers(x.grad!, shape, (index) =>
            pick(
              weights,
              order.map((axis) => index[axis]),
            ),
          );
        });
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it("transpose exchanges two axes, the last two unless told otherwise", () => {
    scope(() => {
      const values = normals(new Random(3), [2, 3, 4]);
      expectNumbers(transpose(f64(values)), [2, 4, 3], ([a, b, c]) => pick(values, [a, c, b]));
      expectNumbers(transpose(f64(values), { axes: [0, -1] }), [4, 3, 2], ([a, b, c]) => pick(values, [c, b, a]));
    });
  });
});

describe("slice", () => {
  it("takes ranges, counted from either end or left open, and whole axes", () => {
    const ranges = shapes().chain((shape) =>
      fc
        .tuple(
          ...shape.map((size) =>
            fc.record({
              bounds: fc.tuple(fc.nat(size), fc.nat(size)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
              form: fc.constantFrom("plain", "negative", "open", "whole"),
            }),
          ),
        )
        .chain((all) => fc.nat(shape.length).map((given) => ({ shape, all: all.slice(0, given) }))),
    );
    fc.assert(
      fc.property(ranges, seeds, ({ shape, all }, seed) => {
        scope(() => {
          const random = new Random(seed);
          const values = normals(random, shape);
          const bounds = shape.map((size, axis) => {
            const range = all[axis];
            if (range === undefined || range.form === "whole") return [0, size];
            return range.form === "open" ? [range.bounds[0], size] : range.bounds;
          });
          const given = all.map(({ bounds: [from, to], form }, axis) => {
            if (form === "whole") return null;
            if (form === "open") return [from] as const;
            // −0 is 0: an end at the end of the axis has no negative form.
            const fromEnd = (at: number) => (at < shape[axis] ? at - shape[axis] : at);
            return form === "negative" ? ([fromEnd(from), fromEnd(to)] as const) : ([from, to] as const);
          });
          const x = f64(values, { requiresGrad: true });
          const y = slice(x, given);
          const target = bounds.map(([from, to]) => to - from);
          expectNumbers(y, target, (index) =>
            pick(
              values,
              index.map((at, axis) => at + bounds[axis][0]),
            ),
          );
          const weights = normals(random, target);
          // Nested arrays do not tell what lies behind an empty axis.
          sum(y.mul(f64(weights).reshape(target))).backward();
          expectNumbers(x.grad!, shape, (index) => {
            const isInside = index.every((at, axis) => bounds[axis][0] <= at && at < bounds[axis][1]);
            if (!isInside) return 0;
            return pick(
              weights,
              index.map((at, axis) => at - bounds[axis][0]),
            );
          });
        });
      }),
      { seed: 4, numRuns: 80 },
    );
  });
});

describe("concat, split and stack", () => {
  it("concat puts parts side by side; split takes them apart again; gradients go to their parts", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shapesWithAxis, lengths, seeds, ({ shape, axis, named }, sizes, seed) => {
        scope(() => {
          const random = new Random(seed);
          const partShapes = sizes.map((size) => withAt(shape, axis, size));
          const parts = partShapes.map((partShape) => normals(random, partShape));
          const leaves = parts.map((part, at) => reshape(f64(part), partShapes[at]));
          for (const leaf of leaves) leaf.requiresGrad = true;
          const target = withAt(
            shape,
            axis,
            sizes.reduce((a, b) => a + b),
          );
          const starts = sizes.map((_, at) => sizes.slice(0, at).reduce((a, b) => a + b, 0));
          const joined = concat(leaves, { axis: named });
          expectNumbers(joined, target, (index) => {
            const part = starts.findLastIndex((start, at) => start <= index[axis] && sizes[at] > 0);
            return pick(parts[part], withAt(index, axis, index[axis] - starts[part]));
          });
          split(joined, { sizes, axis: named }).forEach((part, at) => {
            expectNumbers(part, partShapes[at], (index) => pick(parts[at], index));
          });
          const weights = normals(random, target);
          sum(joined.mul(f64(weights).reshape(target))).backward();
          leaves.forEach((leaf, at) => {
            expectNumbers(leaf.grad!, partShapes[at], (index) =>
              pick(weights, withAt(index, axis, index[axis] + starts[at])),
            );
          });
        });
      }),
      { seed: 5, numRuns: 60 },
    );
  });

  it("stack makes a new axis anywhere", () => {
    fc.assert(
      fc.property(shapes(), fc.nat(), fc.integer({ min: 1, max: 3 }), seeds, (shape, place, count, seed) => {
        scope(() => {
          const random = new Random(seed);
          const axis = place % (shape.length + 1);
          const parts = Array.from({ length: count }, () => normals(random, shape));
          const target = [...shape.slice(0, axis), count, ...shape.slice(axis)];
          for (const named of [axis, axis - shape.length - 1]) {
            expectNumbers(
              stack(
                parts.map((part) => f64(part)),
                { axis: named },
              ),
              target,
              (index) => pick(parts[index[axis]], index.toSpliced(axis, 1)),
            );
          }
        });
      }),
      { seed: 6, numRuns: 40 },
    );
  });
});

describe("picking by index", () => {
  it("indexSelect takes slices, some more than once; their gradients add up", () => {
    fc.assert(
      fc.property(shapesWithAxis, fc.nat(6), seeds, ({ shape, axis, named }, count, seed) => {
        scope(() => {
          const random = new Random(seed);
          const values = normals(random, shape);
          const chosen = Array.from({ length: count }, () => random.integer(shape[axis]));
          const x = f64(values, { requiresGrad: true });
          const y = indexSelect(x, i32(chosen), { axis: named });
          const target = withAt(shape, axis, count);
          expectNumbers(y, target, (index) => pick(values, withAt(index, axis, chosen[index[axis]])));
          const weights = normals(random, target);
          sum(y.mul(f64(weights).reshape(target))).backward();
          expectNumbers(x.grad!, shape, (index) =>
            chosen.reduce(
              (total, at, place) => total + (at === index[axis] ? pick(weights, withAt(index, axis, place)) : 0),
              0,
            ),
          );
        });
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it("gather takes elements along an axis; their gradients add up", () => {
    fc.assert(
      fc.property(shapesWithAxis, fc.integer({ min: 1, max: 4 }), seeds, ({ shape, axis, named }, count, seed) => {
        scope(() => {
          const random = new Random(seed);
          const values = normals(random, shape);
          const target = withAt(shape, axis, count);
          const chosen = build(target, () => random.integer(shape[axis]));
          const x = f64(values, { requiresGrad: true });
          const y = gather(x, i32(chosen), { axis: named });
          expectNumbers(y, target, (index) => pick(values, withAt(index, axis, pick(chosen, index))));
          const weights = normals(random, target);
          sum(y.mul(f64(weights))).backward();
          expectNumbers(x.grad!, shape, (index) => {
            let total = 0;
            for (let place = 0; place < count; place++) {
              const from = withAt(index, axis, place);
              if (pick(chosen, from) === index[axis]) total += pick(weights, from);
            }
            return total;
          });
        });
      }),
      { seed: 8, numRuns: 60 },
    );
  });

  it("indexSelect is along the first axis and gather along the last, unless told otherwise", () => {
    scope(() => {
      const x = f64([
        [1, 2],
        [3, 4],
      ]);
      expect(indexSelect(x, i32([1])).toArray()).to.deep.equal([[3, 4]]);
      expect(gather(x, i32([[1], [0]])).toArray()).to.deep.equal([[2], [3]]);
    });
  });

  it("embedding looks up rows for ids of any shape; a row's gradient is the sum over its uses", () => {
    fc.assert(
      fc.property(shapes({ maximumRank: 3 }), seeds, (shape, seed) => {
        scope(() => {
          const random = new Random(seed);
          const [entries, size] = [1 + random.integer(5), 1 + random.integer(4)];
          const rows = normals(random, [entries, size]);
          const ids = build(shape, () => random.integer(entries));
          const table = f64(rows, { requiresGrad: true });
          const y = embedding(table, i32(ids));
          expectNumbers(y, [...shape, size], (index) => pick(rows, [pick(ids, index.slice(0, -1)), index.at(-1)!]));
          sum(y).backward();
          expectNumbers(table.grad!, [entries, size], ([row]) => {
            return indicesOf(shape).filter((index) => pick(ids, index) === row).length;
          });
        });
      }),
      { seed: 9, numRuns: 40 },
    );
  });
});

describe("indices", () => {
  after(() => configureEngine());

  const MOVES: Record<string, (x: Tensor) => Tensor> = {
    reshape: (x) => x.reshape([-1]),
    detach: (x) => x.detach(),
    transpose: (x) => x.transpose(),
    permute: (x) => permute(x, [2, 0, 1]),
    slice: (x) => slice(x, [null, [1, -1], [2]]),
    split: (x) => split(x, { sizes: [3, 20], axis: 2 })[1],
    concat: (x) => concat([x, slice(x, [null, [0, 3]]), x], { axis: 1 }),
    stack: (x) => stack([x, x], { axis: -1 }),
    expand: (x) => expand(slice(x, [null, [1, 2]]), [4, 3, 19, 23]),
    indexSelect: (x) => indexSelect(x, i32([5, 0, 5]), { axis: 1 }),
    gather: (x) => gather(x, i32(build([3, 19, 2], ([, row]) => row))),
  };

  for (const kernels of KERNEL_SETS) {
    it(`are moved as numbers are, to the last bit, and stay indices (${kernels} kernels)`, () => {
      configureEngine({ kernels, threads: 1 });
      scope(() => {
        // As floating-point numbers many of them would be NaN.
        const random = new Random(10);
        const values = build([3, 19, 23], () => random.bits() | 0);
        for (const [name, move] of Object.entries(MOVES)) {
          const moved = move(i32(values));
          expect(moved.dtype, name).to.equal("i32");
          expect(moved.toArray(), name).to.deep.equal(move(f64(values)).toArray());
          expect(moved.node, name).to.equal(null);
        }
      });
    });
  }

  it("do not mix with numbers", () => {
    scope(() => {
      expect(() => concat([i32([1]), tensor([1])])).to.throw("concat: cannot mix i32 and f32 tensors");
    });
  });
});
