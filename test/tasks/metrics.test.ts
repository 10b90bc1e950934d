import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { accuracy, f1, matthews, pearson, SEQUENCE_METRICS, spearman } from "../../src/tasks/metrics.ts";

interface Case {
  about: string;
  predicted: number[];
  actual: number[];
}

interface Fixtures {
  labels: (Case & { accuracy: number; matthews: number; f1?: number })[];
  scores: (Case & { pearson: number | null; spearman: number | null })[];
}

// What the fixtures hold is written, and said, in scripts/metric-fixtures.py.
const FIXTURES: Fixtures = JSON.parse(readFileSync(new URL("../fixtures/metrics.json", import.meta.url), "utf8"));
const TOLERANCE = 1e-12;

describe("the metrics of whole texts", () => {
  for (const { about, predicted, actual, ...expected } of FIXTURES.labels) {
    it(`measure labels as scikit-learn does: ${about}`, () => {
      expect(accuracy(predicted, actual)).to.be.closeTo(expected.accuracy, TOLERANCE);
      expect(matthews(predicted, actual)).to.be.closeTo(expected.matthews, TOLERANCE);
      if (expected.f1 !== undefined) expect(f1(predicted, actual)).to.be.closeTo(expected.f1, TOLERANCE);
    });
  }

  for (const { about, predicted, actual, ...expected } of FIXTURES.scores) {
    it(`correlate as SciPy does, with 0 for its NaN: ${about}`, () => {
      expect(pearson(predicted, actual)).to.be.closeTo(expected.pearson ?? 0, TOLERANCE);
      expect(spearman(predicted, actual)).to.be.closeTo(expected.spearman ?? 0, TOLERANCE);
    });
  }

  const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })), { minLength: 1 });

  it("do not change when predictions and truths change places", () => {
    fc.assert(
      fc.property(pairs, (drawn) => {
        const one = Float32Array.from(drawn, ([label]) => label);
        const other = drawn.map(([, label]) => label);
        for (const measure of Object.values(SEQUENCE_METRICS))
          expect(measure(one, other)).to.be.closeTo(measure(other, one), TOLERANCE);
      }),
    );
  });

  it("agree that Matthews' correlation of two classes is Pearson's", () => {
    fc.assert(
      fc.property(pairs, (drawn) => {
        const one = drawn.map(([label]) => label);
        const other = drawn.map(([, label]) => label);
        expect(matthews(one, other)).to.be.closeTo(pearson(one, other), TOLERANCE);
      }),
    );
  });

  it("correlate ranks: any rising function of the scores leaves Spearman's as it is", () => {
    const scores = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })), {
      minLength: 2,
    });
    fc.assert(
      fc.property(scores, (drawn) => {
        const one = drawn.map(([score]) => score);
        const other = drawn.map(([, score]) => score);
        const bent = one.map((score) => Math.exp(score) + score);
        expect(spearman(bent, other)).to.be.closeTo(spearman(one, other), TOLERANCE);
      }),
    );
  });

  it("refuse lists of two lengths, empty ones, and correlations with what is no number", () => {
    for (const measure of Object.values(SEQUENCE_METRICS)) {
      expect(() => measure([1], [1, 0])).to.throw("1 predictions cannot be measured by 2 truths");
      expect(() => measure([], [])).to.throw("no predictions: there is nothing to measure");
    }
    for (const correlate of [pearson, spearman]) {
      expect(() => correlate([0, Number.NaN], [1, 0])).to.throw("number 1 to correlate is NaN");
      expect(() => correlate([0, 1], [Number.POSITIVE_INFINITY, 0])).to.throw("number 0 to correlate is Infinity");
    }
  });
});
