import { expect } from "chai";
import fc from "fast-check";
import { LAYER_MAPS, layerMap } from "../../src/apollo/layer-map.ts";
import { planFromMap, type StepPlan, usesPerWeight, validateStepPlan } from "../../src/apollo/step-plan.ts";

describe("step plans", () => {
  it("of a map keep its order, scale 1, all trainable", () => {
    expect(planFromMap([0, 0, 1])).to.deep.equal({
      positions: [
        { weight: 0, branchScale: 1 },
        { weight: 0, branchScale: 1 },
        { weight: 1, branchScale: 1 },
      ],
      trainable: "all",
    });
  });

  it("count as many uses as positions, every weight of a map at least once", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LAYER_MAPS),
        fc.integer({ min: 1, max: 24 }),
        fc.integer({ min: 0, max: 24 }),
        (name, N, more) => {
          const uses = usesPerWeight(planFromMap(layerMap(name, N, N + more)), N);
          expect(uses).to.have.length(N);
          expect(uses.reduce((sum, count) => sum + count, 0)).to.equal(N + more);
          expect(Math.min(...uses)).to.be.at.least(1);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it("share three layers over twelve evenly by interp_floor, not by interp_round", () => {
    expect(usesPerWeight(planFromMap(layerMap("interp_floor", 3, 12)), 3)).to.deep.equal([4, 4, 4]);
    expect(usesPerWeight(planFromMap(layerMap("interp_round", 3, 12)), 3)).to.deep.equal([5, 4, 3]);
  });

  it("count zero for a weight that is not used", () => {
    expect(usesPerWeight(planFromMap([1, 1]), 3)).to.deep.equal([0, 2, 0]);
  });

  it("refuse bad values in one sentence that names them", () => {
    const plan = (weight: number, branchScale = 1, trainable: StepPlan["trainable"] = "all"): StepPlan => ({
      positions: [
        { weight: 0, branchScale: 1 },
        { weight, branchScale },
      ],
      trainable,
    });
    expect(() => validateStepPlan(planFromMap([]), 3)).to.throw("at least one position");
    // Embeddings and head alone are a model as well, where there are no layers yet.
    validateStepPlan(planFromMap([]), 0);
    expect(() => planFromMap([0, -1])).to.throw("position 1 uses weight -1");
    expect(() => planFromMap([0.5])).to.throw("position 0 uses weight 0.5");
    expect(() => validateStepPlan(plan(3), 3)).to.throw(
      "position 1 uses weight 3, which is not one of the layers 0 … 2",
    );
    expect(() => usesPerWeight(plan(3), 3)).to.throw("weight 3");
    expect(() => validateStepPlan(plan(1, Number.NaN), 3)).to.throw("position 1 must be finite, not NaN");
    expect(() => validateStepPlan(plan(1, Number.POSITIVE_INFINITY), 3)).to.throw("not Infinity");
    expect(() => validateStepPlan(plan(1, 1, [0, 4]), 3)).to.throw("trainable layer 4");
    expect(() => validateStepPlan(plan(1, 1, [2, 2]), 3)).to.throw("trainable layer 2 is named twice");
    expect(() => validateStepPlan(plan(1, 0.5, [0, 2]), 3)).not.to.throw();
    const masked = (growthMask: number): StepPlan => ({
      ...{ positions: [{ weight: 0, branchScale: 1, growthMask }], trainable: "all" },
    });
    for (const good of [0, 0.5, 1]) expect(() => validateStepPlan(masked(good), 1)).not.to.throw();
    for (const bad of [-0.1, 1.5, Number.NaN])
      expect(() => validateStepPlan(masked(bad), 1)).to.throw(`position 0 must lie in [0, 1], not ${bad}`);
    const withMask = (kept: number, factor: number): StepPlan => ({
      ...{ ...plan(1), growthMasks: { heads: { kept, factor } } },
    });
    expect(() => validateStepPlan(withMask(2, 0), 3)).not.to.throw();
    expect(() => validateStepPlan(withMask(0, 0), 3)).to.throw('"heads" must be a whole number from 1, not 0');
    expect(() => validateStepPlan(withMask(2, 1.5), 3)).to.throw('the space "heads" must lie in [0, 1], not 1.5');
    expect(() => validateStepPlan(plan(1, 1, []), 3)).not.to.throw();
  });
});
