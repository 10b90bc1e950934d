import { expect } from "chai";
import { erf, normalDensity } from "../../src/tensor/erf.ts";

/** erf by its power series in decimal arithmetic of 80 digits, rounded to double precision. */
const TABLE = [
  [1e-300, 1.1283791670955126e-300],
  [1e-12, 1.1283791670955126e-12],
  [1e-5, 1.1283791670579e-5],
  [0.001, 0.0011283787909692365],
  [0.0625, 0.07043197772238707],
  [0.1, 0.1124629160182849],
  [0.25, 0.27632639016823696],
  [0.5, 0.5204998778130465],
  [0.75, 0.7111556336535151],
  [1, 0.8427007929497149],
  [1.25, 0.9229001282564583],
  [1.5, 0.9661051464753108],
  [2, 0.9953222650189527],
  [2.25, 0.9985372834133188],
  [2.4375, 0.9994334567454198],
  [2.5, 0.999593047982555],
  [2.5625, 0.9997098311383266],
  [2.75, 0.9998993780778803],
  [3, 0.9999779095030014],
  [3.5, 0.9999992569016276],
  [4, 0.9999999845827421],
  [4.5, 0.9999999998033839],
  [5, 0.9999999999984626],
  [5.5, 0.9999999999999927],
  [5.875, 0.9999999999999999],
  [6, 1],
  [7, 1],
];

describe("erf", () => {
  it("is right to 1e-14, of its value where that is small, and odd", () => {
    for (const [x, expected] of TABLE) {
      expect(erf(x) / expected, `erf(${x})`).to.be.closeTo(1, 1e-14);
      expect(erf(-x)).to.equal(-erf(x));
    }
  });

  it("rises without a step, also where one formula takes over from the other", () => {
    for (const start of [0, 1, 2.49, 5.99]) {
      for (let x = start; x < start + 0.02; x += 1e-4) expect(erf(x + 1e-4)).to.be.at.least(erf(x));
    }
    expect(erf(2.5 + 1e-13) - erf(2.5 - 1e-13)).to.be.within(0, 1e-14);
  });

  it("takes the edges: ±0, infinities, NaN", () => {
    expect(erf(0)).to.equal(0);
    expect(Object.is(erf(-0), -0)).to.equal(true);
    expect(erf(Number.POSITIVE_INFINITY)).to.equal(1);
    expect(erf(Number.NEGATIVE_INFINITY)).to.equal(-1);
    expect(erf(Number.NaN)).to.be.NaN;
  });
});

describe("normalDensity", () => {
  it("is the derivative of ½ erf(x/√2)", () => {
    const h = 1e-4;
    for (let x = -6; x <= 6; x += 0.37) {
      // Five points: the error is of fourth order in h.
      const half = (at: number) => 0.5 * erf(at * Math.SQRT1_2);
      const slope = (8 * (half(x + h) - half(x - h)) - (half(x + 2 * h) - half(x - 2 * h))) / (12 * h);
      expect(normalDensity(x)).to.be.closeTo(slope, 1e-11);
    }
    expect(normalDensity(0)).to.be.closeTo(0.3989422804014327, 1e-16);
  });
});
