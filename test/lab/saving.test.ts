import { expect } from "chai";
import fc from "fast-check";
import { firstCrossing, lossAtCost, lossesAtEqualCost, saving, smooth, trainingSaving } from "../../src/lab/saving.ts";
import type { EvaluationRecord, StepRecord } from "../../src/report/run-log.ts";
import { type RunRecord, trainingStretches } from "../../src/report/run-record.ts";
import { windowMeans } from "../../src/report/statistics.ts";

/** Evaluations with the given losses, each 10 steps and 100 FLOPs (50 in layers, 7 ms) after the one before. */
function evaluations(losses: readonly number[]): EvaluationRecord[] {
  return losses.map((loss, index) => ({
    step: 10 * index,
    loss,
    lossAtUniqueDepth: loss,
    modelFlops: 100 * index,
    layerFlops: 50 * index,
    elapsedMs: 7 * index,
    tokens: index,
  }));
}

describe("savings by methods D.1", () => {
  it("smooths with the median of the last three evaluations", () => {
    const smoothed = smooth(evaluations([5, 3, 4, 1, 2])).map((evaluation) => evaluation.smoothed);
    expect(smoothed).to.deep.equal([5, 4, 4, 3, 2]);
  });

  it("interpolates the first crossing between evaluations, in every cost", () => {
    const crossing = firstCrossing(smooth(evaluations([6, 5, 4, 3, 2])), 4.25);
    // Smoothed: 6, 5.5, 5, 4, 3; 4.25 lies three quarters of the way from 5 to 4.
    expect(crossing).to.deep.equal({ modelFlops: 275, layerFlops: 137.5, elapsedMs: 19.25, step: 27.5 });
  });

  it("does not reach a target below every loss", () => {
    expect(firstCrossing(smooth(evaluations([6, 5, 4])), 1)).to.equal(null);
    expect(saving(null, evaluations([1])[0], "modelFlops")).to.equal(null);
  });

  it("gives Scratch itself a saving of zero when its loss falls to the end", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 3, maxLength: 30 }), (drops) => {
        let loss = 10;
        const losses = drops.map((drop) => (loss -= drop));
        const smoothed = smooth(evaluations(losses));
        const end = smoothed.at(-1)!;
        expect(saving(firstCrossing(smoothed, end.smoothed), end, "modelFlops")).to.be.closeTo(0, 1e-9);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("gives a method that is k times cheaper and otherwise equal the saving 1 − 1/k", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 4, max: 30 }), (k, count) => {
        const scratch = smooth(evaluations(Array.from({ length: count }, (_, index) => 10 - 0.1 * index)));
        const cheap = scratch.map((evaluation) => ({ ...evaluation, modelFlops: evaluation.modelFlops / k }));
        const end = scratch.at(-1)!;
        expect(saving(firstCrossing(cheap, end.smoothed), end, "modelFlops")).to.be.closeTo(1 - 1 / k, 1e-9);
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it("reads the loss at an equal cost, and null beyond the run", () => {
    const smoothed = smooth(evaluations([6, 6, 6, 4, 4, 4]));
    // Smoothed: 6, 6, 6, 6, 4, 4.
    expect(lossAtCost(smoothed, "modelFlops", 350)).to.equal(5);
    expect(lossAtCost(smoothed, "modelFlops", 500)).to.equal(4);
    expect(lossAtCost(smoothed, "modelFlops", 501)).to.equal(null);
  });

  it("compares losses where the cheaper of two runs had spent everything", () => {
    const scratch = smooth(evaluations([6, 6, 6, 4, 4, 4]));
    // Four fifths of the cost, and lower losses: 5, 5, 5, 3, 3, 3.
    const cheap = smooth(
      evaluations([5, 5, 5, 3, 3, 3]).map((evaluation) => ({
        ...evaluation,
        modelFlops: 0.8 * evaluation.modelFlops,
      })),
    );
    // At 400 FLOPs Scratch's smoothed loss has come down to 4.
    expect(lossesAtEqualCost(cheap, scratch, "modelFlops")).to.deep.equal({ own: 3, target: 4 });
    expect(lossesAtEqualCost(scratch, cheap, "modelFlops")).to.deep.equal({ own: 4, target: 3 });
    expect(lossesAtEqualCost(scratch, scratch, "elapsedMs")).to.deep.equal({ own: 4, target: 4 });
    expect(lossesAtEqualCost([], scratch, "modelFlops")).to.equal(null);
  });

  it("saves by training loss what the release's figure would show", () => {
    const steps = (losses: readonly number[], modelFlops: number) =>
      losses.map((loss, step) => ({ step, loss, modelFlops }) as StepRecord);
    const scratch = steps([9, 8, 7, 6], 10);
    // Reaches 6 after three steps of 5 FLOPs; Scratch ends at 40.
    expect(trainingSaving(steps([8, 7, 6, 5], 5), scratch)).to.equal(1 - 15 / 40);
    expect(trainingSaving(steps([9, 9, 9, 9], 5), scratch)).to.equal(null);
    expect(trainingSaving(scratch, scratch)).to.equal(0);
    // A target run that was as low before its end would save against itself.
    expect(trainingSaving(scratch, steps([9, 5, 7, 6], 10))).to.equal("too noisy");
    expect(trainingSaving(scratch, [])).to.equal(null);
  });

  it("charges what was spent before the first step", () => {
    const header = { preparation: { modelFlops: 7 } } as RunRecord["header"];
    const training = [
      { loss: 5, modelFlops: 10 },
      { loss: 4, modelFlops: 30 },
    ];
    expect(trainingStretches({ training, header }).map(({ modelFlops }) => modelFlops)).to.deep.equal([17, 20]);
  });

  it("saves as much by a record's stretches as by the run's own steps", () => {
    const step = fc.record({ loss: fc.integer({ min: 1, max: 9 }), modelFlops: fc.integer({ min: 1, max: 9 }) });
    const header = {} as RunRecord["header"];
    const run = fc.array(step, { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(run, run, (steps, target) => {
        const [own, other] = [steps, target].map((run) =>
          trainingStretches({ training: windowMeans(run, 20), header }),
        );
        expect(own).to.have.length(20);
        expect(trainingSaving(own, other)).to.equal(trainingSaving(steps as StepRecord[], target as StepRecord[]));
      }),
      { seed: 1 },
    );
  });
});
