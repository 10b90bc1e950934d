import { expect } from "chai";
import fc from "fast-check";
import {
  arange,
  full,
  lowerTriangle,
  oneHot,
  ones,
  randn,
  tensor,
  uniform,
  upperTriangle,
  zeros,
} from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { build, expectNumbers, f64, indicesOf, normals, pick, seeds, shapes } from "./nested.ts";

describe("making tensors", () => {
  it("from nested arrays and back", () => {
    fc.assert(
      fc.property(shapes({ maximumRank: 5 }), seeds, (shape, seed) => {
        scope(() => {
          const values = normals(new Random(seed), shape);
          const made = f64(values);
          expect(made.shape).to.deep.equal(shape);
          expect(made.rank).to.equal(shape.length);
          expect(made.toArray()).to.deep.equal(values);
          const flat = indicesOf(shape).map((index) => pick(values, index));
          expect(made.toFlatArray()).to.deep.equal(Float64Array.from(flat));
          expect(Tensor.from(flat, shape, "f64").toArray()).to.deep.equal(values);
        });
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it("from typed arrays, which are flat, and under another shape", () => {
    scope(() => {
      expect(tensor(Float32Array.of(1, 2, 3)).shape).to.deep.equal([3]);
      expect(tensor(Int32Array.of(1, 2, 3, 4), { shape: [2, 2] }).toArray()).to.deep.equal([
        [1, 2],
        [3, 4],
      ]);
      expect(tensor([[1, 2, 3, 4]], { shape: [2, 2] }).toArray()).to.deep.equal([
        [1, 2],
        [3, 4],
      ]);
      expect(tensor([]).shape).to.deep.equal([0]);
      expect(tensor([[], []]).shape).to.deep.equal([2, 0]);
      expect(tensor(7).shape).to.deep.equal([]);
    });
  });

  it("as f32 unless asked otherwise; what is handed out is a copy", () => {
    scope(() => {
      const x = tensor([0.1, 2]);
      expect(x.dtype).to.equal("f32");
      expect(x.toArray()).to.deep.equal([Math.fround(0.1), 2]);
      expect(tensor([0.1], { dtype: "f64" }).item()).to.equal(0.1);
      expect(tensor([3], { dtype: "i32" }).toFlatArray()).to.deep.equal(Int32Array.of(3));
      const ends = [-(2 ** 31), -0, 2 ** 31 - 1];
      expect(tensor(ends, { dtype: "i32" }).toFlatArray()).to.deep.equal(Int32Array.from(ends));
      x.toFlatArray()[1] = 9;
      (x.toArray() as number[])[1] = 9;
      expect(x.toArray()).to.deep.equal([Math.fround(0.1), 2]);
    });
  });

  it("as what a typed array holds, unless asked otherwise", () => {
    scope(() => {
      for (const [values, dtype] of [
        [Int32Array.of(1, -2), "i32"],
        [Float64Array.of(0.1, 2), "f64"],
        [Float32Array.of(0.1, 2), "f32"],
        [Uint8Array.of(1, 2), "f32"],
      ] as const) {
        const made = tensor(values);
        expect(made.dtype).to.equal(dtype);
        expect(made.toArray()).to.deep.equal(Array.from(values));
        expect(tensor(values, { dtype: "f64" }).dtype).to.equal("f64");
      }
    });
  });

  it("leaves want gradients when asked; indices never do", () => {
    scope(() => {
      expect(zeros([2], { requiresGrad: true }).requiresGrad).to.equal(true);
      expect(zeros([2]).requiresGrad).to.equal(false);
      expect(() => zeros([2], { dtype: "i32", requiresGrad: true })).to.throw(
        "i32 tensors are indices and have no gradient",
      );
    });
  });

  it("filled, counted and drawn", () => {
    scope(() => {
      expectNumbers(zeros([2, 3]), [2, 3], () => 0);
      expectNumbers(ones([4]), [4], () => 1);
      expectNumbers(full([2, 1], -2.5), [2, 1], () => -2.5);
      expect(arange({ end: 4 }).toArray()).to.deep.equal([0, 1, 2, 3]);
      expect(arange({ start: 2, end: 7, step: 2 }, { dtype: "i32" }).toArray()).to.deep.equal([2, 4, 6]);
      expect(arange({ start: 1, end: -1, step: -0.5 }).toArray()).to.deep.equal([1, 0.5, 0, -0.5]);
      expect(arange({ start: 3, end: 1 }).shape).to.deep.equal([0]);
      expect(() => arange({ end: 1, step: 0 })).to.throw("arange: from 0 to 1 in steps of 0 has no finite length");

      const random = () => new Random(5);
      expect(randn([3, 4], { random: random() }).toArray()).to.deep.equal(
        randn([3, 4], { random: random() }).toArray(),
      );
      const drawn = uniform([2000], { random: random(), minimum: -2, maximum: 3 });
      const values = Array.from(drawn.data);
      expect(Math.min(...values)).to.be.within(-2, -1.9);
      expect(Math.max(...values)).to.be.within(2.9, 3);
      expect(values.reduce((a, b) => a + b) / 2000).to.be.closeTo(0.5, 0.15);
    });
  });

  it("one-hot rows and triangles", () => {
    fc.assert(
      fc.property(shapes({ maximumRank: 3 }), seeds, fc.integer({ min: 1, max: 5 }), (shape, seed, classes) => {
        scope(() => {
          const random = new Random(seed);
          const ids = build(shape, () => random.integer(classes));
          expectNumbers(oneHot(tensor(ids, { dtype: "i32" }), classes), [...shape, classes], (index) =>
            Number(pick(ids, index.slice(0, -1)) === index[index.length - 1]),
          );
          const [rows, columns, diagonal] = [1 + random.integer(5), 1 + random.integer(5), random.integer(5) - 2];
          const sizes = [rows, columns];
          expectNumbers(lowerTriangle(rows, columns), sizes, ([row, column]) => Number(column <= row));
          expectNumbers(upperTriangle(rows, columns), sizes, ([row, column]) => Number(column >= row));
          expectNumbers(lowerTriangle(rows, columns, { diagonal }), sizes, ([row, column]) =>
            Number(column - row <= diagonal),
          );
          expectNumbers(upperTriangle(rows, columns, { diagonal }), sizes, ([row, column]) =>
            Number(column - row >= diagonal),
          );
        });
      }),
      { seed: 2, numRuns: 40 },
    );
  });
});
