import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { stepTimes } from "../../src/lab/calibration.ts";
import { stretchedWithoutSampling } from "../../src/lab/equal-cost.ts";
import { experimentHash, methodOf, parseExperiment } from "../../src/lab/experiment.ts";
import { planRun } from "../../src/lab/plan.ts";
import { REGIME } from "../../src/lab/regime.ts";
import { missingRuns, runsOf } from "../../src/lab/suite.ts";

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

describe("the regime", () => {
  const suites = REGIME.points.map(({ suite }) => suite);
  const runs = suites.map((suite) => runsOf(suite, () => undefined));

  it("has points with names of their own, each with Scratch, growth alone, and LVPS, of which the methods fit", () => {
    const names = REGIME.points.map(({ axis, value }) => `${axis} ${value}`);
    expect(new Set(names).size).to.equal(names.length);
    expect(names.length).to.be.at.least(20);
    for (const [index, recipes] of runs.entries()) {
      expect(
        recipes.map(({ label }) => label),
        names[index],
      ).to.deep.equal(["scratch", "apollo-none", "apollo-lvps"]);
      for (const { grid } of recipes) for (const experiment of grid) methodOf(experiment);
    }
  });

  it("makes a run that several points need once, and the first seed of all points before the second of any", () => {
    const missing = missingRuns(runs, () => false);
    const hashes = missing.map(experimentHash);
    expect(new Set(hashes).size).to.equal(hashes.length);
    expect(runs.flatMap((recipes) => recipes.flatMap(({ grid }) => grid)).length).to.be.greaterThan(hashes.length);
    const all = new Set(missing);
    const chosen = suites.map((suite) =>
      runsOf(suite, (hash) => {
        const of = missing.find((experiment) => experimentHash(experiment) === hash);
        return of && all.has(of) ? ({ header: { status: "failed" }, evaluations: [] } as never) : undefined;
      }),
    );
    // With the grids of one point known, its further seeds wait for the first seed of all others.
    const repeated = REGIME.points.findIndex(({ suite }) => suite.seeds > 1);
    const known = new Set(runs[repeated].flatMap(({ grid }) => grid.map(experimentHash)));
    const ended = { header: { status: "finished" }, evaluations: [{ loss: 5 }] } as never;
    const later = suites.map((suite) => runsOf(suite, (hash) => (known.has(hash) ? ended : undefined)));
    const seeds = missingRuns(later, (hash) => known.has(hash)).map(({ seed }) => seed);
    expect(seeds.lastIndexOf(0)).to.equal(seeds.findIndex((seed) => seed > 0) - 1);
    // Where every learning rate failed there is nothing to repeat.
    expect(missingRuns(chosen, () => false)).to.have.length(hashes.length);
  });
});

describe("step times", () => {
  it("of another machine serve where they are complete, and are told apart by model and batch", () => {
    const folder = mkdtempSync(join(tmpdir(), "step-times-"));
    try {
      const { model, training, ...rest } = sampledRun(100, "lvps");
      const write = (name: string, file: object) =>
        writeFileSync(join(folder, `step-times-${name}.json`), JSON.stringify(file));
      const ms = { "1/1": 3, "12/12": 20 };
      writeFileSync(join(folder, "step-times-torn.json"), "null");
      expect(() => stepTimes({ model, training, ...rest }, ["1/1"], folder)).to.throw(
        /step-times-torn\.json holds no step times: it: /,
      );
      rmSync(join(folder, "step-times-torn.json"));
      const runtime = { node: "v1", kernels: "simd", threads: 1, cpu: "a CPU" };
      write("a", {
        ...runtime,
        model: { ...model, layers: 6 },
        batch: 4,
        microBatches: 1,
        ms: { "1/1": 9, "12/12": 9 },
      });
      write("b", { ...runtime, model, batch: 4, microBatches: 1, ms: { "1/1": 8 } });
      write("c", { ...runtime, model, batch: 4, microBatches: 1, ms });
      const unmeasured = () => expect.fail("nothing had to be measured");
      expect(stepTimes({ model, training, ...rest }, ["12/12", "1/1"], folder, unmeasured)).to.deep.equal({
        ms,
        runtime,
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
