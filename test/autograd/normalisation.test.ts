import { expect } from "chai";
import fc from "fast-check";
import {
  add,
  gradcheck,
  layerNorm,
  logSoftmax,
  maskedLayerNorm,
  readableLayerNorm,
  residualLayerNorm,
  softmax,
  sum,
  tensor,
} from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { NestedNumbers, Tensor } from "../../src/tensor/tensor.ts";
import { expectNumbers, f64, type Index, normals, pick, seeds, shapes } from "./nested.ts";

const shapesWithAxis = shapes({ minimumRank: 1 }).chain((shape) =>
  fc
    .nat(shape.length - 1)
    .chain((axis) => fc.constantFrom(axis, axis - shape.length).map((named) => ({ shape, axis, named }))),
);

/** The numbers along an axis through an index. */
function line(values: NestedNumbers, shape: Index, axis: number, index: Index): number[] {
  return Array.from({ length: shape[axis] }, (_, at) =>
    pick(
      values,
      index.map((own, other) => (other === axis ? at : own)),
    ),
  );
}

describe("softmax and logSoftmax", () => {
  it("normalise along any axis; so do their gradients", () => {
    fc.assert(
      fc.property(shapesWithAxis, seeds, ({ shape, axis, named }, seed) => {
        scope(() => {
          const random = new Random(seed);
          const [values, weights] = [normals(random, shape), normals(random, shape)];
          const shareAt = (index: Index) => {
            const total = line(values, shape, axis, index).reduce((sum, x) => sum + Math.exp(x), 0);
            return Math.exp(pick(values, index)) / total;
          };
          /** Σ along the axis of a function of index. */
          const sumAlong = (index: Index, f: (index: Index) => number) =>
            Array.from({ length: shape[axis] }, (_, at) =>
              f(index.map((own, other) => (other === axis ? at : own))),
            ).reduce((a, b) => a + b);
          const x = f64(values, { requiresGrad: true });
          const y = softmax(x, { axis: named });
          expectNumbers(y, shape, shareAt);
          sum(y.mul(f64(weights))).backward();
          expectNumbers(x.grad!, shape, (index) => {
            const dot = sumAlong(index, (at) => shareAt(at) * pick(weights, at));
            return shareAt(index) * (pick(weights, index) - dot);
          });
          x.grad = null;
          const logarithm = logSoftmax(x, { axis: named });
          expectNumbers(logarithm, shape, (index) => Math.log(shareAt(index)));
          sum(logarithm.mul(f64(weights))).backward();
          expectNumbers(x.grad!, shape, (index) => {
            return pick(weights, index) - shareAt(index) * sumAlong(index, (at) => pick(weights, at));
          });
        });
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("take the last axis unless told otherwise, and large numbers", () => {
    scope(() => {
      const x = f64([
        [1000, 1000],
        [-1000, 0],
      ]);
      expect(softmax(x).toArray()).to.deep.equal([
        [0.5, 0.5],
        [0, 1],
      ]);
      expect(logSoftmax(x).toArray()).to.deep.equal([
        [-Math.log(2), -Math.log(2)],
        [-1000, 0],
      ]);
      expect(softmax(tensor([-200, 0])).toArray()).to.deep.equal([0, 1]);
    });
  });
});

describe("layerNorm", () => {
  it("centres and scales rows; fused and readable agree, gradients too", () => {
    fc.assert(
      fc.property(shapes({ maximumRank: 3 }), fc.integer({ min: 2, max: 6 }), seeds, (outer, columns, seed) => {
        scope(() => {
          const random = new Random(seed);
          const shape = [...outer, columns];
          const epsilon = 0.01;
          const [values, weights] = [normals(random, shape), normals(random, shape)];
          const [scale, shift] = [normals(random, [columns]), normals(random, [columns])];
          const run = (normalise: typeof layerNorm) => {
            const inputs = [values, scale, shift].map((input) => f64(input, { requiresGrad: true }));
            const [x, weight, bias] = inputs;
            const y = normalise(x, weight, bias, { epsilon });
            sum(y.mul(f64(weights))).backward();
            return { y, gradients: inputs.map(({ grad }) => grad!) };
          };
          const fused = run(layerNorm);
          const readable = run(readableLayerNorm);
          for (const { y } of [fused, readable]) {
            expectNumbers(y, shape, (index) => {
              const row = line(values, shape, shape.length - 1, index);
              const mean = row.reduce((a, b) => a + b) / columns;
              const variance = row.reduce((total, x) => total + (x - mean) ** 2, 0) / columns;
              const c = index.slice(-1);
              return ((pick(values, index) - mean) / Math.sqrt(variance + epsilon)) * pick(scale, c) + pick(shift, c);
            });
          }
          fused.gradients.forEach((gradient, input) => {
            const expected = readable.gradients[input].toArray();
            expectNumbers(gradient, gradient.shape, (index) => pick(expected, index), 1e-11);
          });
        });
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it("f32: fused and readable agree to 1e-5 of the largest entry, gradients too", () => {
    scope(() => {
      const random = new Random(3);
      const [values, scale, shift, weights] = [[7, 33], [33], [33], [7, 33]].map((shape) => normals(random, shape));
      const [fused, readable] = [layerNorm, readableLayerNorm].map((normalise) => {
        const inputs = [values, scale, shift].map((input) => tensor(input, { requiresGrad: true }));
        const y = normalise(inputs[0], inputs[1], inputs[2], { epsilon: 1e-5 });
        sum(y.mul(tensor(weights))).backward();
        return [y, ...inputs.map(({ grad }) => grad!)];
      });
      fused.forEach((actual, at) => {
        const expected = readable[at].data;
        const largest = Math.max(...Array.from(expected, Math.abs));
        actual.data.forEach((value, index) => expect(value).to.be.closeTo(expected[index], 1e-5 * largest));
      });
    });
  });
});

describe("residualLayerNorm", () => {
  it("is layerNorm of the sum, gradients too", () => {
    for (const make of [f64, tensor]) {
      const property = fc.property(shapes({ minimumRank: 1 }), seeds, (shape, seed) => {
        scope(() => {
          const random = new Random(seed);
          const columns = shape.slice(-1);
          const values = [shape, shape, columns, columns].map((one) => normals(random, one));
          const weights = make(normals(random, shape));
          const options = { epsilon: 1e-2 };
          const run = (normalise: (inputs: Tensor[]) => Tensor): Tensor[] => {
            const inputs = values.map((input) => make(input, { requiresGrad: true }));
            const y = normalise(inputs);
            sum(y.mul(weights)).backward();
            return [y, ...inputs.map(({ grad }) => grad!)];
          };
          const fused = run(([x, change, weight, bias]) => residualLayerNorm(x, change, weight, bias, options));
          const composed = run(([x, change, weight, bias]) => layerNorm(x.add(change), weight, bias, options));
          fused.forEach((actual, at) => expect(Array.from(actual.data)).to.deep.equal(Array.from(composed[at].data)));
        });
      });
      fc.assert(property, { seed: 3, numRuns: 50 });
    }
  });

  it("gives x and change gradients that do not share their further life", () => {
    scope(() => {
      const [x, change] = [tensor([[1, 2, 4]], { requiresGrad: true }), tensor([[0, 1, 0]], { requiresGrad: true })];
      const [weight, bias] = [tensor([1, 2, 3]), tensor([0, 0, 0])];
      const y = residualLayerNorm(x, change, weight, bias, { epsilon: 1e-2 });
      // x is used twice: its second gradient must not be added to change's.
      sum(add(y, x)).backward();
      const [forX, forChange] = [x.grad!.data, change.grad!.data];
      forX.forEach((value, at) => expect(value - 1).to.be.closeTo(forChange[at], 1e-6));
    });
  });

  it("refuses a change of another shape", () => {
    const [x, row] = [tensor([[1, 2]]), tensor([1, 2])];
    expect(() => residualLayerNorm(x, row, row, row, { epsilon: 1 })).to.throw(
      "residualLayerNorm: change [2] has not the shape of what it is added to, [1, 2]",
    );
  });
});

describe("maskedLayerNorm", () => {
  /** Rows of C normal numbers, weight and bias, and a mask with the first channels fully there. */
  const cases = fc.record({
    columns: fc.integer({ min: 2, max: 6 }),
    more: fc.integer({ min: 0, max: 5 }),
    factor: fc.constantFrom(0, 0.3, 1),
    seed: seeds,
  });
  const epsilon = 1e-2;

  it("has the gradients of finite differences, the second ones too", () => {
    const property = fc.property(cases, ({ columns, more, factor, seed }) => {
      const random = new Random(seed);
      const all = columns + more;
      const inputs = [[3, all], [all], [all]].map((shape) => f64(normals(random, shape)));
      const mask = f64(Array.from({ length: all }, (_, channel) => (channel < columns ? 1 : factor)));
      const masked = (...[x, weight, bias]: Tensor[]) => maskedLayerNorm(x, weight, bias, mask, { epsilon });
      gradcheck(masked, inputs);
      gradcheck(masked, inputs, { order: 2 });
    });
    fc.assert(property, { seed: 4, numRuns: 30 });
  });

  it("counts each channel by its mask, in the statistics and in the result", () => {
    const property = fc.property(cases, ({ columns, more, factor, seed }) => {
      scope(() => {
        const random = new Random(seed);
        const all = columns + more;
        const [values, scale, shift] = [[3, all], [all], [all]].map((shape) => normals(random, shape));
        const mask = Array.from({ length: all }, (_, channel): number => (channel < columns ? 1 : factor));
        const y = maskedLayerNorm(f64(values), f64(scale), f64(shift), f64(mask), { epsilon });
        const total = mask.reduce((a, b) => a + b);
        expectNumbers(y, [3, all], (index) => {
          const row = line(values, [3, all], 1, index);
          const mean = row.reduce((sum, x, channel) => sum + mask[channel] * x, 0) / total;
          const variance = row.reduce((sum, x, channel) => sum + mask[channel] * (x - mean) ** 2, 0) / total;
          const normalised = (pick(values, index) - mean) / Math.sqrt(variance + epsilon);
          return mask[index[1]] * (normalised * pick(scale, [index[1]]) + pick(shift, [index[1]]));
        });
      });
    });
    fc.assert(property, { seed: 5, numRuns: 50 });
  });
});
