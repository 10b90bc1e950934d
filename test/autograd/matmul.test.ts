import { expect } from "chai";
import fc from "fast-check";
import { linear, matmul, sum } from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { NestedNumbers, Tensor } from "../../src/tensor/tensor.ts";
import {
  broadcastPairs,
  expectNumbers,
  f64,
  type Index,
  indicesOf,
  normals,
  pick,
  pickBroadcast,
  seeds,
} from "./nested.ts";

const sizes = fc.record({
  rows: fc.integer({ min: 1, max: 5 }),
  columns: fc.integer({ min: 1, max: 5 }),
  inner: fc.integer({ min: 1, max: 5 }),
});
const batches = broadcastPairs.filter(({ whole }) => whole.length <= 2);

/** A matrix operand of a product, and its element (row, column) in batch `index` of the broadcast whole. */
function operand(random: Random, batch: Index, rows: number, columns: number, isTransposed: boolean) {
  const shape = [...batch, ...(isTransposed ? [columns, rows] : [rows, columns])];
  const values = normals(random, shape);
  const at = (index: Index, row: number, column: number) =>
    pickBroadcast(values, shape, [...index, ...(isTransposed ? [column, row] : [row, column])]);
  return { shape, values, at };
}

describe("matmul", () => {
  it("multiplies matrices of broadcast batches, either one stored transposed; so do its gradients", () => {
    fc.assert(
      fc.property(batches, sizes, fc.boolean(), fc.boolean(), seeds, (batch, size, transposeA, transposeB, seed) => {
        scope(() => {
          const random = new Random(seed);
          const { rows, columns, inner } = size;
          const a = operand(random, batch.a, rows, inner, transposeA);
          const b = operand(random, batch.b, inner, columns, transposeB);
          const target = [...batch.whole, rows, columns];
          const [x, y] = [f64(a.values, { requiresGrad: true }), f64(b.values, { requiresGrad: true })];
          const product = matmul(x, y, { transposeA, transposeB });
          expectNumbers(product, target, (index) => {
            const [m, n] = index.slice(-2);
            const at = index.slice(0, -2);
            let total = 0;
            for (let k = 0; k < inner; k++) total += a.at(at, m, k) * b.at(at, k, n);
            return total;
          });

          const weights = normals(random, target);
          sum(product.mul(f64(weights))).backward();
          expectGradient(x.grad!, a.shape, batch, (at, first, second) => {
            const [m, k] = transposeA ? [second, first] : [first, second];
            let total = 0;
            for (let n = 0; n < columns; n++) total += pick(weights, [...at, m, n]) * b.at(at, k, n);
            return total;
          });
          expectGradient(y.grad!, b.shape, batch, (at, first, second) => {
            const [k, n] = transposeB ? [second, first] : [first, second];
            let total = 0;
            for (let m = 0; m < rows; m++) total += pick(weights, [...at, m, n]) * a.at(at, m, k);
            return total;
          });
        });
      }),
      { seed: 1, numRuns: 80 },
    );
  });

  it("takes one matrix for a whole batch, first or second", () => {
    scope(() => {
      const random = new Random(2);
      const [many, one] = [normals(random, [2, 3, 4]), normals(random, [4, 4])];
      expect(matmul(f64(many), f64(one)).shape).to.deep.equal([2, 3, 4]);
      expect(matmul(f64(one), f64(many), { transposeB: true }).shape).to.deep.equal([2, 4, 3]);
    });
  });
});

/** Compares with the gradient of each batch of the whole, summed over batches that share the operand. */
function expectGradient(
  gradient: Tensor,
  shape: Index,
  { whole }: { whole: Index },
  inBatch: (at: Index, first: number, second: number) => number,
): void {
  const own = shape.slice(0, -2);
  expectNumbers(gradient, shape, (index) => {
    let total = 0;
    for (const at of indicesOf(whole)) {
      const aligned = at.slice(whole.length - own.length);
      const isShared = own.every((size, axis) => size === 1 || aligned[axis] === index[axis]);
      if (isShared) total += inBatch(at, index[shape.length - 2], index[shape.length - 1]);
    }
    return total;
  });
}

describe("linear", () => {
  it("is x·W + b over the last axis, with and without b", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }), sizes, seeds, (batch, size, seed) => {
        scope(() => {
          const random = new Random(seed);
          const { inner, columns } = size;
          const [x, w, b] = [[...batch, inner], [inner, columns], [columns]].map((shape) => normals(random, shape));
          const product = (index: Index): number => {
            let total = 0;
            for (let k = 0; k < inner; k++) total += pick(x, [...index.slice(0, -1), k]) * pick(w, [k, index.at(-1)!]);
            return total;
          };
          const target = [...batch, columns];
          const leaf = (values: NestedNumbers) => f64(values, { requiresGrad: true });
          expectNumbers(linear(f64(x), f64(w)), target, product);
          const [input, weight, bias] = [x, w, b].map(leaf);
          const y = linear(input, weight, bias);
          expectNumbers(y, target, (index) => product(index) + pick(b, [index.at(-1)!]));
          const weights = normals(random, target);
          sum(y.mul(f64(weights))).backward();
          expectNumbers(bias.grad!, [columns], ([n]) =>
            indicesOf(target).reduce((total, index) => total + (index.at(-1) === n ? pick(weights, index) : 0), 0),
          );
          expectNumbers(input.grad!, [...batch, inner], (index) => {
            let total = 0;
            for (let n = 0; n < columns; n++) {
              total += pick(weights, [...index.slice(0, -1), n]) * pick(w, [index.at(-1)!, n]);
            }
            return total;
          });
        });
      }),
      { seed: 3, numRuns: 40 },
    );
  });
});
