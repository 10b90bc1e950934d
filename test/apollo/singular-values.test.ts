import { expect } from "chai";
import fc from "fast-check";
import { singularValues } from "../../src/apollo/growth/singular-values.ts";
import { Random } from "../../src/tensor/random.ts";

const normalNumbers = (count: number, random: Random) => Float64Array.from({ length: count }, () => random.normal());

/** Σ_k a[i, k]·b[k, j] */
function product(a: ArrayLike<number>, b: ArrayLike<number>, [rows, inner, columns]: readonly number[]): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a[row * inner + k] * b[k * columns + column];
    return sum;
  });
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).to.equal(expected.length);
  for (let index = 0; index < actual.length; index++) expect(actual[index]).to.be.closeTo(expected[index], tolerance);
}

const scaledBy = (matrix: Float64Array, values: Float64Array) =>
  matrix.map((value, index) => value * values[index % values.length]);

/** The products of all pairs of rows of [rows, columns]. */
const pairs = (matrix: Float64Array, rows: number, columns: number) =>
  Array.from({ length: rows * rows }, (_, index) => {
    const [p, q] = [Math.floor(index / rows), index % rows];
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += matrix[p * columns + k] * matrix[q * columns + k];
    return sum;
  });

const identity = (size: number) =>
  Array.from({ length: size * size }, (_, index) => (index % (size + 1) === 0 ? 1 : 0));
const columnsOf = (matrix: Float64Array, rows: number, columns: number) =>
  matrix.map((_, index) => matrix[(index % rows) * columns + Math.floor(index / rows)]);

describe("singular value decomposition", () => {
  it("gives a matrix back to 1e-13, from orthonormal vectors and values that fall", () => {
    const size = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(size, size, fc.nat(), (rows, columns, seed) => {
        const A = normalNumbers(rows * columns, new Random(seed));
        const { rank, left, values, right } = singularValues(A, rows, columns);
        expect(rank).to.equal(Math.min(rows, columns));
        expectClose(product(scaledBy(left, values), right, [rows, rank, columns]), A, 1e-13);
        expectClose(pairs(columnsOf(left, rows, rank), rank, rows), identity(rank), 1e-12);
        expectClose(pairs(right, rank, columns), identity(rank), 1e-12);
        for (let index = 0; index < rank; index++) expect(values[index]).to.be.within(0, values[index - 1] ?? Infinity);
      }),
      { seed: 1 },
    );
  });

  it("finds the values that a matrix was made of, over nine powers of ten", () => {
    // Orthonormal vectors of another matrix, with values of our own.
    const random = new Random(3);
    const { left, right } = singularValues(normalNumbers(5 * 8, random), 5, 8);
    const wanted = Float64Array.from([1e4, 3, 1, 1e-2, 1e-5]);
    const A = product(scaledBy(left, wanted), right, [5, 5, 8]);
    const { values } = singularValues(A, 5, 8);
    values.forEach((value, index) => {
      expect(value / wanted[index]).to.be.closeTo(1, 1e-6);
    });
  });

  it("knows the values of [[3, 0], [4, 5]], √45 and √5", () => {
    const { values } = singularValues([3, 0, 4, 5], 2, 2);
    expectClose(values, [Math.sqrt(45), Math.sqrt(5)], 1e-14);
  });

  it("gives matrices of less than full rank back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }), fc.nat(), (rows, columns, seed) => {
        const random = new Random(seed);
        const A = product(normalNumbers(rows, random), normalNumbers(columns, random), [rows, 1, columns]);
        const { rank, left, values, right } = singularValues(A, rows, columns);
        expectClose(product(scaledBy(left, values), right, [rows, rank, columns]), A, 1e-13);
        expect(values.slice(1).every((value) => value < 1e-13 * values[0])).to.equal(true);
      }),
      { seed: 1, numRuns: 50 },
    );
    const { values, right } = singularValues(new Float64Array(6), 2, 3);
    expect([...values, ...right].every((value) => value === 0)).to.equal(true);
  });

  it("refuses numbers that are not finite", () => {
    expect(() => singularValues([1, Number.NaN], 1, 2)).to.throw("not finite");
  });
});
