import { expect } from "chai";
import fc from "fast-check";
import { ringProduct } from "../../src/apollo/growth/tensor-ring.ts";
import { Random } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const tensor = (values: readonly number[], shape: readonly number[]) => Tensor.from(values, shape, "f64");

function randomTensor(shape: readonly number[], random: Random): Tensor {
  return tensor(
    Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => random.normal()),
    shape,
  );
}

/** All indices of a shape. */
function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, next) => [...index, next])),
    [[]],
  );
}

const at = ({ shape, numbers }: Tensor, index: readonly number[]) =>
  numbers[index.reduce((place, value, axis) => place * shape[axis] + value, 0)];

describe("the product with a tensor ring", () => {
  it("of rank 1 is the product with one matrix per axis", () => {
    // x = [[1, 2], [3, 4]]; rows become r₀ + 10·r₁, and 100·r₁; columns become c₀ − c₁.
    const x = tensor([1, 2, 3, 4], [2, 2]);
    const rows = tensor([1, 0, 10, 100], [1, 2, 2, 1]);
    const columns = tensor([1, -1], [1, 2, 1, 1]);
    const { shape, numbers } = ringProduct(x, [rows, columns]);
    expect(shape).to.deep.equal([2, 1]);
    expect([...numbers]).to.deep.equal([31 - 42, 300 - 400]);
  });

  it("of rank 2 sums over both ranks around the ring", () => {
    // Axes of one element: y = 2·Σ A[r₁, r₂]·B[r₂, r₃]·C[r₃, r₁] = 2·trace(A·B·C).
    const one = (values: number[]) => tensor(values, [2, 1, 1, 2]);
    const [A, B, C] = [one([1, 2, 3, 4]), one([0, 1, 1, 0]), one([1, 1, 0, 5])];
    // A·B = [[2, 1], [4, 3]]; A·B·C = [[2, 7], [4, 19]].
    expect([...ringProduct(tensor([2], [1, 1, 1]), [A, B, C]).numbers]).to.deep.equal([2 * (2 + 19)]);
  });

  it("is the sum over all old indices and all ranks, for any sizes", () => {
    const size = fc.integer({ min: 1, max: 3 });
    const axes = fc.array(fc.tuple(size, size), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(axes, fc.integer({ min: 1, max: 2 }), fc.nat(), (sizes, rank, seed) => {
        const random = new Random(seed);
        const [olds, news] = [0, 1].map((side) => sizes.map((pair) => pair[side]));
        const x = randomTensor(olds, random);
        const cores = sizes.map(([from, to]) => randomTensor([rank, from, to, rank], random));
        const made = ringProduct(x, cores);
        expect(made.shape).to.deep.equal(news);
        for (const target of indices(news)) {
          let sum = 0;
          for (const source of indices(olds)) {
            for (const ranks of indices(sizes.map(() => rank))) {
              sum += cores.reduce(
                (product, core, axis) =>
                  product * at(core, [ranks[axis], source[axis], target[axis], ranks[(axis + 1) % ranks.length]]),
                at(x, source),
              );
            }
          }
          expect(at(made, target)).to.be.closeTo(sum, 1e-9 * Math.max(1, Math.abs(sum)));
        }
      }),
      { seed: 1, numRuns: 30 },
    );
  });
});
