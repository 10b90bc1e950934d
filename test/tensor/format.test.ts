import { inspect } from "node:util";
import { expect } from "chai";
import { arange, full, tensor, zeros } from "../../src/autograd/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { NestedNumbers, Tensor } from "../../src/tensor/tensor.ts";

const printed = (make: () => Tensor) => scope(() => String(make()));

/** What is printed after the line with shape and type. */
const numbers = (values: NestedNumbers) => printed(() => tensor(values)).replace(/^.*\n/, "");

describe("printing a tensor", () => {
  it("shows shape and type, then the numbers in NumPy's layout", () => {
    const matrix = [
      "Tensor[2, 3] f32",
      "[[ 1.00,  2.50, -3.00],", //
      " [ 0.25, 10.00,  0.00]]",
    ];
    const make = () =>
      tensor([
        [1, 2.5, -3],
        [0.25, 10, 0],
      ]);
    expect(printed(make)).to.equal(matrix.join("\n"));
    expect(scope(() => inspect({ x: make() }))).to.contain(matrix[1]);
    expect(printed(() => zeros([2, 2, 2], { dtype: "f64" }))).to.equal(
      ["Tensor[2, 2, 2] f64", "[[[0., 0.],", "  [0., 0.]],", "", " [[0., 0.],", "  [0., 0.]]]"].join("\n"),
    );
  });

  it("scalars, indices, empty tensors", () => {
    expect(printed(() => tensor(-0.5))).to.equal("Tensor[] f32\n-0.5");
    expect(printed(() => tensor([1, 20, -3], { dtype: "i32" }))).to.equal("Tensor[3] i32\n[ 1, 20, -3]");
    expect(printed(() => zeros([0]))).to.equal("Tensor[0] f32\n[]");
    expect(printed(() => zeros([2, 0]))).to.equal("Tensor[2, 0] f32\n[[],\n []]");
  });

  it("gives all numbers one format: bare, with up to four decimals, or in powers of ten", () => {
    expect(numbers([1, 2, -3])).to.equal("[ 1.,  2., -3.]");
    expect(numbers([0.1, 1, -22.5])).to.equal("[  0.1,   1.0, -22.5]");
    expect(numbers([1 / 3, 1])).to.equal("[0.3333, 1.0000]");
    expect(numbers([1e-5, 1])).to.equal("[1.0000e-5, 1.0000e+0]");
    expect(numbers([2e9, 1])).to.equal("[2.0000e+9, 1.0000e+0]");
    expect(numbers([0, 0])).to.equal("[0., 0.]");
  });

  it("zeros follow the format of the others; −0 keeps its sign", () => {
    expect(numbers([0, 12.25, 0, -1.5])).to.equal("[ 0.00, 12.25,  0.00, -1.50]");
    expect(numbers([0, 1e-5])).to.equal("[0.0000e+0, 1.0000e-5]");
    expect(numbers([-0])).to.equal("[-0.]");
    expect(numbers([-0, 0, 2.5])).to.equal("[-0.0,  0.0,  2.5]");
    expect(numbers([-0, 1e-5])).to.equal("[-0.0000e+0,  1.0000e-5]");
    expect(printed(() => tensor([-0, 3], { dtype: "i32" }))).to.equal("Tensor[2] i32\n[0, 3]");
  });

  it("aligns what is not finite", () => {
    expect(numbers([Number.NaN, Number.NEGATIVE_INFINITY, 1.5])).to.equal("[      NaN, -Infinity,       1.5]");
    expect(numbers([Number.NaN])).to.equal("[NaN]");
  });

  it("breaks long rows", () => {
    const lines = printed(() => arange({ end: 300 }).reshape([3, 100])).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).to.be.within(60, 76);
    expect(lines.filter((line) => line.startsWith(" [") || line.startsWith("[["))).to.have.length(3);
    const shown = lines.slice(1).join(" ").match(/\d+/g)!.map(Number);
    expect(shown).to.deep.equal(Array.from({ length: 300 }, (_, index) => index));
  });

  it("shortens axes of more than six where there are more than 1000 elements", () => {
    expect(printed(() => arange({ end: 1001 }))).to.equal(
      "Tensor[1001] f32\n[   0.,    1.,    2., …,  998.,  999., 1000.]",
    );
    const lines = printed(() => arange({ end: 1200 }).reshape([2, 20, 30])).split("\n");
    expect(lines.slice(1, 8)).to.deep.equal([
      "[[[   0.,    1.,    2., …,   27.,   28.,   29.],",
      "  [  30.,   31.,   32., …,   57.,   58.,   59.],",
      "  [  60.,   61.,   62., …,   87.,   88.,   89.],",
      "  …,",
      "  [ 510.,  511.,  512., …,  537.,  538.,  539.],",
      "  [ 540.,  541.,  542., …,  567.,  568.,  569.],",
      "  [ 570.,  571.,  572., …,  597.,  598.,  599.]],",
    ]);
    expect(printed(() => full([6, 300], 1)).split("\n")).to.have.length(7);
  });

  it("does not read the elements that it does not show", () => {
    // Printing must stay quick for tensors of any size: the format follows the shown elements.
    expect(printed(() => tensor([...new Array(500).fill(1), 1e-9, ...new Array(600).fill(1)]))).to.contain(
      "[1., 1., 1., …",
    );
  });
});
