import { expect } from "chai";
import fc from "fast-check";
import { LEARNING_RATE_KINDS, type LearningRateOptions, learningRateSchedule } from "../../src/optim/learning-rate.ts";

const list = (options: LearningRateOptions) => {
  const rate = learningRateSchedule(options);
  return Array.from({ length: options.steps }, (_, update) => rate(update));
};

describe("learning-rate schedules", () => {
  it("cosine reproduces the release's ten printed learning rates", () => {
    // After update i (1-based) the log prints the rate of the next one: lr0·½(1 + cos(π(i−1)/9)).
    const rate = learningRateSchedule({ kind: "cosine", peak: 1e-4, steps: 10 });
    for (let i = 1; i <= 10; i++) {
      expect(rate(i), `after update ${i}`).to.be.closeTo(1e-4 * 0.5 * (1 + Math.cos((Math.PI * (i - 1)) / 9)), 1e-19);
    }
    expect(rate(0)).to.equal(0);
    expect(rate(1)).to.equal(1e-4);
    expect(rate(10)).to.equal(0);
  });

  it("cosine warms up over ⌈0.025 T⌉ updates", () => {
    const rate = learningRateSchedule({ kind: "cosine", peak: 3, steps: 101 });
    expect([0, 1, 2, 3].map(rate)).to.deep.equal([0, 1, 2, 3]);
    expect(rate(52)).to.be.closeTo(1.5, 1e-12);
    for (const [steps, warmup] of [
      [1, 1],
      [40, 1],
      [41, 2],
      [1000, 25],
      [1001, 26],
    ]) {
      const unit = learningRateSchedule({ kind: "cosine", peak: 1, steps });
      expect(unit(warmup - 1), `${steps} steps`).to.be.closeTo((warmup - 1) / warmup, 1e-15);
      if (warmup < steps) expect(unit(warmup), `${steps} steps`).to.equal(1);
    }
  });

  it("takes a warm-up ratio as the decimal that was written", () => {
    const rate = learningRateSchedule({ kind: "cosine", peak: 1, steps: 100, warmupRatio: 0.07 });
    expect(rate(7)).to.equal(1);
    expect(rate(6)).to.be.closeTo(6 / 7, 1e-15);
  });

  it("linear falls to 0 on a straight line", () => {
    expect(list({ kind: "linear", peak: 8, steps: 10, warmupRatio: 0.2 })).to.deep.equal([
      0, 4, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
    expect(list({ kind: "linear", peak: 4, steps: 4, warmupRatio: 0 })).to.deep.equal([4, 3, 2, 1]);
  });

  it("wsd warms up, stays, decays", () => {
    expect(list({ kind: "wsd", peak: 4, steps: 10, warmupRatio: 0.2, decayRatio: 0.4 })).to.deep.equal([
      0, 2, 4, 4, 4, 4, 4, 3, 2, 1,
    ]);
  });

  it("constant stays, with a warm-up only when asked for", () => {
    expect(list({ kind: "constant", peak: 2, steps: 4 })).to.deep.equal([2, 2, 2, 2]);
    expect(list({ kind: "constant", peak: 2, steps: 4, warmupRatio: 0.5 })).to.deep.equal([0, 1, 2, 2]);
  });

  it("stays within [0, peak], rises while warming up and never again", () => {
    const options = fc.record({
      kind: fc.constantFrom(...LEARNING_RATE_KINDS),
      peak: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      steps: fc.integer({ min: 1, max: 300 }),
      warmupRatio: fc.double({ min: 0, max: 0.5, noNaN: true }),
    });
    fc.assert(
      fc.property(options, (drawn) => {
        const rates = list(drawn);
        const warmup = Math.ceil(drawn.warmupRatio * drawn.steps * (1 - 2 * Number.EPSILON));
        rates.forEach((rate, update) => {
          expect(rate).to.be.within(0, drawn.peak);
          if (update === 0) return;
          if (update <= warmup) expect(rate).to.be.above(rates[update - 1]);
          else expect(rate).to.be.at.most(rates[update - 1]);
        });
        if (warmup > 0) expect(rates[0]).to.equal(0);
        if (warmup < drawn.steps) expect(rates[warmup]).to.equal(drawn.peak);
        const end = learningRateSchedule(drawn)(drawn.steps);
        expect(end).to.equal(drawn.kind === "constant" ? drawn.peak : 0);
        expect(learningRateSchedule(drawn)(drawn.steps + 7)).to.equal(end);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("refuses in one sentence that names the value", () => {
    const refusal = (change: Partial<LearningRateOptions>) => () =>
      learningRateSchedule({ kind: "cosine", peak: 1, steps: 10, ...change });
    expect(refusal({ kind: "step" as LearningRateOptions["kind"] })).to.throw('no schedule "step"');
    expect(refusal({ peak: Number.NaN })).to.throw("not NaN");
    expect(refusal({ peak: -1 })).to.throw("not -1");
    expect(refusal({ steps: 0 })).to.throw("not 0");
    expect(refusal({ steps: 2.5 })).to.throw("not 2.5");
    expect(refusal({ warmupRatio: 1 })).to.throw("be 1");
    expect(refusal({ warmupRatio: -0.1 })).to.throw("be -0.1");
    expect(refusal({ decayRatio: 0.1 })).to.throw("means nothing to the cosine schedule");
    expect(refusal({ kind: "wsd", decayRatio: 0 })).to.throw("be 0");
    expect(refusal({ kind: "wsd", warmupRatio: 0.5, decayRatio: 0.6 })).to.throw(
      "5 updates of warm-up and 6 of decay do not fit into 10 steps",
    );
    expect(() => learningRateSchedule({ kind: "cosine", peak: 1, steps: 10 })(-1)).to.throw("not -1");
    expect(() => learningRateSchedule({ kind: "cosine", peak: 1, steps: 10 })(0.5)).to.throw("not 0.5");
  });
});
