import { expect } from "chai";
import fc from "fast-check";
import { BOUNDARY_PRESETS, stageAt, stagePlan } from "../../src/apollo/schedule.ts";

describe("stagePlan", () => {
  const stages = [1, 3, 6, 12];
  const call = { stages, boundaries: [0.05, 0.1, 0.25], steps: 400, targetDepth: 12 };

  it("cuts the run where the fractions say", () => {
    expect(stagePlan(call)).to.deep.equal([
      { uniqueLayers: 1, firstStep: 0, endStep: 20 },
      { uniqueLayers: 3, firstStep: 20, endStep: 40 },
      { uniqueLayers: 6, firstStep: 40, endStep: 100 },
      { uniqueLayers: 12, firstStep: 100, endStep: 400 },
    ]);
  });

  it("rounds a boundary down, yet not below the whole number that a decimal means", () => {
    const boundary = (fraction: number, steps: number) =>
      stagePlan({ stages: [1, 2], boundaries: [fraction], steps, targetDepth: 2 })[1].firstStep;
    expect(boundary(0.25, 103)).to.equal(25);
    expect(boundary(0.29, 100)).to.equal(29);
    expect(boundary(0.57, 100)).to.equal(57);
    expect(boundary(0.289999, 100)).to.equal(28);
  });

  it("has the published boundaries", () => {
    const firstSteps = (boundaries: readonly number[], steps: number) =>
      stagePlan({ stages, boundaries, steps, targetDepth: 12 }).map(({ firstStep }) => firstStep);
    expect(firstSteps(BOUNDARY_PRESETS["paper-bert"], 40)).to.deep.equal([0, 2, 4, 10]);
    expect(firstSteps(BOUNDARY_PRESETS["paper-gpt"], 35)).to.deep.equal([0, 2, 4, 10]);
    expect(firstSteps(BOUNDARY_PRESETS.release, 10)).to.deep.equal([0, 1, 2, 5]);
    expect(firstSteps(BOUNDARY_PRESETS["paper-bert"], 1000)).to.deep.equal([0, 50, 100, 250]);
    expect(firstSteps(BOUNDARY_PRESETS["paper-gpt"], 1000)).to.deep.equal([0, 57, 114, 285]);
    const percent = BOUNDARY_PRESETS["paper-gpt"].map((fraction) => (100 * fraction).toFixed(1));
    expect(percent).to.deep.equal(["5.7", "11.4", "28.6"]);
  });

  it("covers every step once, and stageAt finds it", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { maxLength: 5 }), (cuts) => {
        const ends = cuts.sort((a, b) => a - b);
        const plan = stagePlan({
          stages: Array.from({ length: ends.length + 1 }, (_, index) => index + 1),
          boundaries: ends.map((end) => end / 1000),
          steps: 1000,
          targetDepth: ends.length + 1,
        });
        expect(plan.map(({ firstStep }) => firstStep)).to.deep.equal([0, ...ends]);
        expect(plan.map(({ endStep }) => endStep)).to.deep.equal([...ends, 1000]);
        for (const step of [0, 1, 500, 999, ...ends]) {
          const { firstStep, endStep, uniqueLayers } = stageAt(plan, step);
          expect(step).to.be.within(firstStep, endStep - 1);
          expect(uniqueLayers).to.equal(1 + ends.filter((end) => end <= step).length);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("refuses in one sentence that names the values", () => {
    const refusal = (change: Partial<typeof call>) => () => stagePlan({ ...call, ...change });
    expect(refusal({ targetDepth: 24 })).to.throw("must end at the target depth 24, unlike 1 | 3 | 6 | 12");
    expect(refusal({ stages: [1, 6, 3, 12] })).to.throw("must increase, unlike 1 | 6 | 3 | 12");
    expect(refusal({ stages: [1, 3, 3, 12] })).to.throw("must increase, unlike 1 | 3 | 3 | 12");
    expect(refusal({ stages: [0, 3, 6, 12] })).to.throw("not 0");
    expect(refusal({ stages: [1.5, 3, 6, 12] })).to.throw("not 1.5");
    expect(refusal({ stages: [] })).to.throw("at least one stage");
    expect(refusal({ boundaries: [0.1, 0.2] })).to.throw("4 stages need 3 boundaries between them, not 2");
    expect(refusal({ boundaries: [0.1, 0.1, 0.2] })).to.throw("boundaries 0.1, 0.1, 0.2 do not increase");
    expect(refusal({ boundaries: [0.2, 0.1, 0.3] })).to.throw(
      "0.2, 0.1, 0.3 do not increase: of 400 steps the stage of N = 3 would have 80 up to 40",
    );
    expect(refusal({ boundaries: [0.001, 0.1, 0.2] })).to.throw(
      "0.001, 0.1, 0.2 are too close: of 400 steps the stage of N = 1 would have 0 up to 0",
    );
    expect(refusal({ boundaries: [0, 0.1, 0.2] })).to.throw("between 0 and 1, not 0");
    expect(refusal({ boundaries: [0.1, 0.2, 1] })).to.throw("between 0 and 1, not 1");
    expect(refusal({ boundaries: [0.1, 0.2, Number.NaN] })).to.throw("not NaN");
    expect(refusal({ steps: 0 })).to.throw("not 0");
    expect(refusal({ steps: 10.5 })).to.throw("not 10.5");
    expect(refusal({ steps: 3 })).to.throw("boundaries 0.05, 0.1, 0.25 are too close: of 3 steps");
  });

  it("knows no step outside the run", () => {
    const plan = stagePlan(call);
    expect(() => stageAt(plan, 400)).to.throw("step 400 is not one of 0 … 399");
    expect(() => stageAt(plan, -1)).to.throw("step -1");
    expect(() => stageAt(plan, 1.5)).to.throw("step 1.5");
  });
});
