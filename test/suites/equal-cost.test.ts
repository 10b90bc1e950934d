import { expect } from "chai";
import fc from "fast-check";
import { methodOf, parseExperiment } from "../../src/lab/experiment.ts";
import { planRun } from "../../src/lab/plan.ts";
import { stretchedWithoutSampling } from "../../src/suites/equal-cost.ts";

const sampledRun = (steps: number, sampler: "lvps" | "us" | "fs", vocabulary = 512) =>
  parseExperiment({
    name: "sampled",
    model: { family: "gpt", layers: 12, hidden: 32, heads: 2, context: 32, vocabulary },
    recipe: { kind: "apollo", stages: [1, 3, 6, 12], boundaries: [0.05, 0.1, 0.25], depth: { sampler } },
    training: { steps, batch: 4, learningRate: { peak: 1e-3 } },
  });

describe("growth alone at the cost of sampling", () => {
  it("costs in every stage what the sampled stage is expected to, to within half a step", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 20_000 }),
        fc.constantFrom("lvps" as const, "us" as const, "fs" as const),
        fc.integer({ min: 300, max: 8000 }),
        (steps, sampler, vocabulary) => {
          const sampled = sampledRun(steps, sampler, vocabulary);
          const { recipe, steps: stretched } = stretchedWithoutSampling(sampled);
          const control = parseExperiment({
            ...sampled,
            recipe,
            training: { ...sampled.training, steps: stretched },
          });
          const [own, others] = [control, sampled].map((experiment) => planRun(experiment).cost.stages);
          own.forEach((stage, index) => {
            const ofOneStep = stage.modelFlops / stage.steps;
            expect(Math.abs(stage.modelFlops - others[index].modelFlops)).to.be.at.most(0.5001 * ofOneStep);
          });
          expect(own.at(-1)!.steps).to.equal(others.at(-1)!.steps);
          expect(methodOf(control).stages.at(-1)!.endStep).to.equal(stretched);
          expect(stretched).to.be.greaterThan(steps);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("is refused for a recipe that samples nothing", () => {
    const scratch = parseExperiment({ ...sampledRun(100, "lvps"), recipe: { kind: "scratch" } });
    expect(() => stretchedWithoutSampling(scratch)).to.throw("equal cost: the recipe scratch samples no depths");
  });
});
