import { expect } from "chai";
import { experimentHash } from "../../src/lab/experiment.ts";
import { type RunRecord, recordOf } from "../../src/report/run-record.ts";
import { compareSuite } from "../../src/suites/compare-suite.ts";
import { SUITES } from "../../src/suites/named-suites.ts";
import { endLossOf, missingRuns, type RecipeRuns, runsOf } from "../../src/suites/suite.ts";
import { exampleRun } from "../report/example-runs.ts";
import { SMALL } from "./small-suite.ts";

/** A record of an experiment that ended at a loss, or failed. */
function recordAt(experiment: RecipeRuns["grid"][number], loss: number | null): RunRecord {
  const { name, seed } = experiment;
  const log = exampleRun({ name, seed, status: loss === null ? "failed" : "finished", reason: "it diverged" });
  const record = recordOf(log, { hash: experimentHash(experiment), isSolo: false, date: "2026-11-27" });
  return { ...record, evaluations: record.evaluations.map((one) => ({ ...one, loss: loss ?? one.loss })) };
}

describe("the runs of a suite", () => {
  it("are the grid with the first seed, then the other seeds with the best learning rate of each recipe", () => {
    const records = new Map<string, RunRecord>();
    const runs = () => runsOf(SMALL, (hash) => records.get(hash));
    const told = () =>
      missingRuns([runs()], (hash) => records.has(hash)).map(
        ({ name, seed, training }) => `${name} ${training.learningRate.peak} ${seed}`,
      );
    expect(told()).to.deep.equal(["scratch 0.001 0", "scratch 0.004 0", "lvps 0.001 0", "lvps 0.004 0"]);
    const [scratch, lvps] = runs();
    const add = (experiment: RecipeRuns["grid"][number], loss: number | null) =>
      records.set(experimentHash(experiment), recordAt(experiment, loss));
    add(scratch.grid[0], 5);
    expect(runs()[0].chosen).to.equal(null);
    add(scratch.grid[1], 4);
    expect(runs()[0].chosen).to.equal(0.004);
    expect(told()).to.deep.equal(["lvps 0.001 0", "lvps 0.004 0", "scratch 0.004 1"]);
    // What failed is never the best.
    add(lvps.grid[1], null);
    add(lvps.grid[0], 6);
    expect(runs()[1].chosen).to.equal(0.001);
    expect(told()).to.deep.equal(["scratch 0.004 1", "lvps 0.001 1"]);
  });

  it("have the longest of all grids at their end", () => {
    const long = { ...SMALL, training: { ...SMALL.training, steps: 96 } };
    const runs = [long, SMALL].map((suite) => runsOf(suite, () => undefined));
    const told = missingRuns(runs, () => false).map(({ name, training }) => `${name} ${training.steps}`);
    expect(told).to.deep.equal(
      [24, 96].flatMap((steps) => ["scratch", "scratch", "lvps", "lvps"].map((name) => `${name} ${steps}`)),
    );
  });

  it("end where every learning rate of a recipe failed", () => {
    const [scratch] = runsOf(SMALL, () => undefined);
    const failed = new Map(scratch.grid.map((run) => [experimentHash(run), recordAt(run, null)]));
    const [after] = runsOf(SMALL, (hash) => failed.get(hash));
    expect(after.chosen).to.equal(null);
    expect(after.seeds).to.deep.equal([]);
    expect(endLossOf(recordAt(scratch.grid[0], null))).to.equal(Number.POSITIVE_INFINITY);
  });

  it("of every suite that has a name are experiments that fit, each with Scratch first", () => {
    for (const [name, suite] of Object.entries(SUITES)) {
      expect(suite.name).to.equal(name);
      const runs = runsOf(suite, () => undefined);
      expect(runs[0].grid[0].recipe.kind).to.equal("scratch");
      expect(new Set(runs.map(({ label }) => label)).size, name).to.equal(runs.length);
      const hashes = runs.flatMap(({ grid }) => grid.map(experimentHash));
      expect(new Set(hashes).size).to.equal(hashes.length);
    }
  });
});

describe("the learning rates of a suite", () => {
  it("are each held against the target with the same one, unless that has learned frequencies alone", () => {
    const [scratch, lvps] = runsOf(SMALL, () => undefined);
    const losses = [5.9, 4.5, 5, 4.4];
    const records = new Map(
      [...scratch.grid, ...lvps.grid].map((run, index) => {
        const record = recordAt(run, losses[index]);
        const header = { ...record.header, unigramLoss: 6 };
        return [experimentHash(run), { ...record, experiment: run, header }] as const;
      }),
    );
    const recordOfHash = (hash: string) => records.get(hash);
    const { rows } = compareSuite(SMALL, runsOf(SMALL, recordOfHash), recordOfHash, null);
    const [first, ...later] = records.get(experimentHash(scratch.grid[1]))!.evaluations;
    expect(rows[1].grid).to.deep.equal([
      { learningRate: 1e-3, endLoss: 5, saving: undefined },
      { learningRate: 4e-3, endLoss: 4.4, saving: 1 - first.modelFlops / later.at(-1)!.modelFlops },
    ]);
  });
});

describe("the warnings of a suite", () => {
  it("name runs that learned little but frequencies, and learning rates at an edge", () => {
    const suite = { ...SMALL, learningRates: [1e-3, 4e-3, 8e-3] };
    const [scratch, lvps] = runsOf(suite, () => undefined);
    const unigramLoss = 6;
    const records = new Map(
      [...scratch.grid, ...lvps.grid].map((run, index) => {
        const record = recordAt(run, [5, 4.5, 4.8, 5.9, 5.1, 5][index]);
        return [
          experimentHash(run),
          { ...record, experiment: run, header: { ...record.header, unigramLoss } },
        ] as const;
      }),
    );
    const recordOfHash = (hash: string) => records.get(hash);
    const { warnings } = compareSuite(suite, runsOf(suite, recordOfHash), recordOfHash, null);
    expect(warnings).to.deep.equal([
      "Runs are missing: scratch 1, lvps 1",
      "The best learning rate is the smallest or largest that was tried, and may lie beyond: lvps",
      "Hardly better than guessing every token by its frequency (6.000 nats), and so without a say about methods: lvps (seed 0, learning rate 0.001)",
    ]);
    // Of two learning rates, each is at an edge.
    const { warnings: ofTwo } = compareSuite(SMALL, runsOf(SMALL, recordOfHash), recordOfHash, null);
    expect(ofTwo.some((line) => line.includes("may lie beyond"))).to.equal(false);
  });
});
