import { expect } from "chai";
import { medianAndQuartiles, quantile } from "../../bench/quartiles.ts";

describe("quartiles", () => {
  it("lie between their neighbours in proportion, in whatever order the values come", () => {
    expect([0, 0.25, 0.5, 0.75, 1].map((share) => quantile([4, 1, 3, 2], share))).to.deep.equal([
      1, 1.75, 2.5, 3.25, 4,
    ]);
    expect(quantile([7], 0.25)).to.equal(7);
    expect(quantile([], 0.5)).to.be.NaN;
  });

  it("are told beside the median", () => {
    expect(medianAndQuartiles([1, 2, 3, 4, 5])).to.equal("3.00 (2.00–4.00)");
  });
});
