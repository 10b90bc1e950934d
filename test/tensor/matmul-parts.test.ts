import { expect } from "chai";
import fc from "fast-check";
import { divideMatmul, TILE_ROWS } from "../../src/tensor/matmul-parts.ts";

type Product = Parameters<typeof divideMatmul>[0];

const divide = ({ batches = [1, 1], ...sizes }: Omit<Product, "batches"> & Partial<Product>, wanted: number) =>
  divideMatmul({ ...sizes, batches }, 16, wanted);

const anything = fc.record({
  rows: fc.integer({ min: 1, max: 3000 }),
  columns: fc.integer({ min: 1, max: 3000 }),
  batches: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
  panel: fc.constantFrom(8, 16),
  wanted: fc.integer({ min: 1, max: 254 }),
});

describe("the division of a matrix product", () => {
  it("gives as many rectangles as are wanted where there are so many tiles, and none that has no tile", () => {
    const property = fc.property(anything, ({ panel, wanted, ...sizes }) => {
      const [rowParts, columnParts] = divideMatmul(sizes, panel, wanted);
      const [rowTiles, columnTiles] = [Math.ceil(sizes.rows / TILE_ROWS), Math.ceil(sizes.columns / panel)];
      expect(rowParts).to.be.within(1, rowTiles);
      expect(columnParts).to.be.within(1, columnTiles);
      const batches = sizes.batches[0] * sizes.batches[1];
      if (batches * rowTiles * columnTiles >= wanted) expect(batches * rowParts * columnParts).to.be.at.least(wanted);
    });
    fc.assert(property, { seed: 1, numRuns: 3000 });
  });

  it("leaves a matrix whole where one part is enough", () => {
    expect(divide({ rows: 2048, columns: 2048 }, 1)).to.deep.equal([1, 1]);
    expect(divide({ rows: 2048, columns: 2048, batches: [2, 3] }, 6)).to.deep.equal([1, 1]);
  });

  it("counts the matrices of the batch", () => {
    expect(divide({ rows: 2048, columns: 64, batches: [2, 3] }, 7)).to.deep.equal([2, 1]);
    expect(divide({ rows: 2048, columns: 64, batches: [2, 1] }, 8)).to.deep.equal([4, 1]);
  });

  it("repeats little of the packing: long products are cut across, square ones into squares", () => {
    expect(divide({ rows: 2048, columns: 64 }, 4)).to.deep.equal([4, 1]);
    expect(divide({ rows: 64, columns: 2048 }, 4)).to.deep.equal([1, 4]);
    expect(divide({ rows: 512, columns: 512 }, 4)).to.deep.equal([2, 2]);
  });

  it("prefers rectangles of equal size", () => {
    expect(divide({ rows: 72, columns: 48 }, 3)).to.deep.equal([3, 1]);
    // Ten tiles of rows would make parts of four, four and two; to pack, they would be a little less.
    expect(divide({ rows: 60, columns: 48 }, 3)).to.deep.equal([1, 3]);
  });
});
