import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { calibratedElapsedMs, planOf } from "../../src/lab/calibration.ts";
import { compareRuns } from "../../src/lab/compare.ts";
import { compareSuite, workOf } from "../../src/lab/compare-suite.ts";
import { experimentHash } from "../../src/lab/experiment.ts";
import { parseRecord } from "../../src/lab/parse-record.ts";
import { Records } from "../../src/lab/records.ts";
import { runSuites } from "../../src/lab/run-suite.ts";
import { endLossOf, missingRuns, type RecipeRuns, runsOf, type Suite } from "../../src/lab/suite.ts";
import { SUITES } from "../../src/lab/suites.ts";
import { readRun } from "../../src/report/run-files.ts";
import { type RunRecord, recordOf, workKey } from "../../src/report/run-record.ts";
import { suiteTable } from "../../src/report/suite-table.ts";
import { exampleRun } from "../report/example-runs.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

const SMALL: Suite = {
  name: "small",
  title: "A small suite",
  model: { family: "gpt", layers: 4, hidden: 16, heads: 2, context: 16, vocabulary: 300 },
  data: { corpus: "nowhere", validationFraction: 0.2, validationTokens: 256 },
  training: { steps: 24, batch: 4 },
  evaluations: 6,
  learningRates: [1e-3, 4e-3],
  seeds: 2,
  recipes: [
    { label: "scratch", recipe: { kind: "scratch" } },
    { label: "lvps", recipe: { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.5] } },
  ],
};

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

describe("the record of a run", () => {
  const log = exampleRun({ name: "lvps", stages: [1, 2] });
  const record = recordOf(log, { hash: "abc", isSolo: false, date: "2026-11-27" });

  it("survives being written and read", () => {
    expect(parseRecord(JSON.stringify(record), "a record")).to.deep.equal(record);
    const diverged = { ...record, evaluations: record.evaluations.map((one) => ({ ...one, loss: Number.NaN })) };
    expect(parseRecord(JSON.stringify(diverged), "a record").evaluations[1].loss).to.be.NaN;
    expect(() => parseRecord("{", "x.json")).to.throw("x.json is not JSON");
    const fails = (change: object, message: string) =>
      expect(() => parseRecord(JSON.stringify({ ...record, ...change }), "x.json")).to.throw(
        `x.json is not the record of a run: ${message}`,
      );
    fails({ schema: 2 }, "schema: must be 1, which is what this version reads");
    fails({ header: undefined }, "header: ");
    fails({ training: undefined }, "training: ");
    fails({ evaluations: [{ ...record.evaluations[0], work: undefined }] }, "evaluations.0.work: ");
    fails({ header: { ...record.header, seed: "zero" } }, "header.seed: ");
    expect(() => parseRecord("null", "x.json")).to.throw("x.json is not the record of a run: it: ");
  });

  it("counts every step once, by N and depth", () => {
    const counts = record.evaluations.map(({ work }) => Object.values(work).reduce((sum, count) => sum + count, 0));
    expect(counts).to.deep.equal([0, 4, 4, 4, 4, 4]);
    expect(record.evaluations[1].work).to.deep.equal({ "1/1": 2, "1/2": 2 });
    expect(record.evaluations.at(-1)!.work).to.deep.equal({ "2/2": 4 });
  });

  it("tells steps apart in which only some layers learn", () => {
    expect(workKey({ uniqueLayers: 6, depth: 6, trainedLayers: 3 })).to.equal("6/6/3");
    expect(workKey({ uniqueLayers: 6, depth: 12 })).to.equal("6/12");
    // What is timed trains layers that it runs.
    expect(planOf("4/4/2").trainable).to.deep.equal([2, 3]);
    expect(planOf("4/3/1")).to.deep.include({ trainable: [2], freezesEmbeddings: true });
    expect(planOf("4/3/1").positions.map(({ weight }) => weight)).to.deep.equal([0, 1, 2]);
  });

  it("gives seconds from step times measured alone", () => {
    const times = { "1/1": 3, "1/2": 5, "2/2": 7 };
    const elapsed = calibratedElapsedMs(record.evaluations, times)!;
    expect(elapsed).to.deep.equal([0, 16, 32, 16 + 16 + 8 + 14, 54 + 28, 82 + 28]);
    expect(calibratedElapsedMs(record.evaluations, { "1/1": 3 })).to.equal(null);
  });
});

describe("a suite that is run", () => {
  let folder: string;
  let suite: Suite;
  before(() => {
    const made = makeSmallCorpus("suite");
    folder = made.folder;
    suite = { ...SMALL, data: { ...SMALL.data, corpus: made.corpus } };
  });
  after(() => rmSync(folder, { recursive: true }));
  const options = () => ({
    folder: join(folder, "runs"),
    records: new Records(join(folder, "records")),
    cacheFolder: join(folder, "cache"),
  });

  it("goes on where it was stopped, records every run once, and compares as single runs are compared", async () => {
    const controller = new AbortController();
    const ends: string[] = [];
    await runSuites([suite], {
      ...options(),
      signal: controller.signal,
      onEnd: (_, { status }) => {
        ends.push(status);
        controller.abort();
      },
    });
    expect(ends).to.include("finished");
    const before = readdirSync(join(folder, "records"));
    expect(before.length).to.be.lessThan(6);

    const made: string[] = [];
    const { records, ...rest } = options();
    const {
      runs: [runs],
    } = await runSuites([suite], {
      ...{ ...rest, records },
      onEnd: ({ name, seed }, { status }) => made.push(`${name} ${seed} ${status}`),
    });
    expect(made).to.have.length(6 - before.length);
    expect(made.every((line) => line.endsWith("finished"))).to.equal(true);
    expect(runs.map(({ seeds }) => seeds.length)).to.deep.equal([2, 2]);
    // A folder of records alone is enough to go on from: nothing is run again.
    await runSuites([suite], {
      ...{ ...rest, folder: join(folder, "elsewhere"), records: new Records(join(folder, "records")) },
      onEnd: () => expect.fail("nothing was missing"),
    });

    const recordOfHash = (hash: string) => records.get(hash);
    const ms = Object.fromEntries(workOf(runs, recordOfHash).map((key) => [key, Number(key.split("/")[1])]));
    const { runtime } = records.get(experimentHash(runs[0].seeds[0]))!.header;
    const comparison = compareSuite(suite, runs, recordOfHash, { ms, runtime });
    // Step times of another machine are told as such.
    expect(comparison.stepTimesFrom).to.equal(null);
    const foreign = { ms, runtime: { ...runtime, cpu: "another CPU" } };
    expect(compareSuite(suite, runs, recordOfHash, foreign).stepTimesFrom).to.match(/^another CPU, /);
    const [scratch, lvps] = comparison.rows;
    // 24 steps of 4 layers at 1 ms a layer.
    expect(scratch.seeds.map(({ elapsedMs }) => elapsedMs)).to.deep.equal([96, 96]);
    lvps.seeds.forEach((seed, index) => {
      const logs = [runs[0].seeds[index], runs[1].seeds[index]].map((run) =>
        readRun(join(folder, "runs", `${run.name}-seed${run.seed}-${experimentHash(run)}`)),
      );
      const single = compareRuns(logs).runs[1];
      expect(seed.endLoss).to.be.closeTo(single.endLoss!, 2e-6);
      // Records keep four digits.
      expect(seed.meanDepthPerStage).to.deep.equal(single.meanDepthPerStage.map((depth) => Number(depth.toFixed(4))));
      expect(seed.modelFlops).to.equal(logs[1].evaluations.at(-1)!.modelFlops);
      expect(seed.savings.flops === null).to.equal(single.savings.flops === null);
      if (single.savings.flops !== null) expect(seed.savings.flops).to.be.closeTo(single.savings.flops, 1e-3);
      expect(seed.atEqualFlops!.own).to.be.closeTo(single.atEqualFlops!.own, 1e-4);
      expect(seed.difference).to.be.closeTo(seed.endLoss - scratch.seeds[index].endLoss, 1e-12);
    });
    const table = suiteTable(comparison);
    expect(table.rows.map(({ label }) => label)).to.deep.equal(["scratch", "lvps"]);
    expect(table.rows[0].cells[5]).to.equal("target");
  });

  it("trains a small model once, before the runs that begin from it", async () => {
    const small = { hidden: 8, heads: 1, steps: 10, learningRate: 3e-3 };
    const recipe = { kind: "bert2bert", knowledge: "fpi", small } as const;
    const wide: Suite = { ...suite, seeds: 1, recipes: [suite.recipes[0], { label: "wide", recipe }] };
    const { records, ...rest } = options();
    const ends: string[] = [];
    const {
      runs: [runs],
    } = await runSuites([wide], {
      ...{ ...rest, records },
      onEnd: ({ name, training }, { status }) => ends.push(`${name} ${training.learningRate.peak} ${status}`),
    });
    // Scratch is there from before.
    expect(ends[0]).to.equal("small-4x8 0.003 finished");
    expect(ends.slice(1).sort()).to.deep.equal(["wide 0.001 finished", "wide 0.004 finished"]);
    const [, row] = compareSuite(wide, runs, (hash) => records.get(hash), null).rows;
    const [record] = runs[1].seeds.map((run) => records.get(experimentHash(run))!);
    expect(row.seeds[0].smallModelFlops).to.equal(record.header.smallModel!.modelFlops).and.greaterThan(0);
    expect(readdirSync(join(folder, "runs")).filter((name) => name.startsWith("small-"))).to.have.length(1);
  });

  it("records a run that fails, says so, and goes on", async () => {
    const failing: Suite = {
      ...suite,
      learningRates: [1e38],
      seeds: 1,
      training: { ...suite.training, clipNorm: 1e9 },
    };
    const { records, ...rest } = options();
    const ends: string[] = [];
    const {
      runs: [runs],
    } = await runSuites([failing], {
      ...{ ...rest, records, processes: 1 },
      onEnd: ({ name }, { status }) => ends.push(`${name} ${status}`),
    });
    expect(ends).to.deep.equal(["scratch failed", "lvps failed"]);
    const record = records.get(experimentHash(runs[0].grid[0]))!;
    expect(record.header.reason).to.match(/^training stopped at step \d+: loss/);
    const comparison = compareSuite(failing, runs, (hash) => records.get(hash), null);
    expect(comparison.rows[0].grid).to.deep.equal([
      { learningRate: 1e38, endLoss: Number.POSITIVE_INFINITY, saving: undefined },
    ]);
    expect(comparison.rows[0].learningRate).to.equal(null);
    expect(comparison.rows.map(({ missing }) => missing)).to.deep.equal([0, 0]);
    expect(comparison.warnings[0]).to.match(/^scratch, seed 0, learning rate 1e\+38, failed: training stopped at step/);
  });

  it("goes on where a small model fails, and says of every run that needed it why it was not made", async () => {
    const small = { hidden: 8, heads: 1, steps: 10, learningRate: 1e38 };
    const failing: Suite = {
      ...suite,
      training: { ...suite.training, clipNorm: 1e9 },
      seeds: 1,
      recipes: [suite.recipes[0], { label: "wide", recipe: { kind: "bert2bert", knowledge: "fpi", small } }],
    };
    const ends: string[] = [];
    const { records, ...rest } = options();
    const { runs, lost } = await runSuites([failing], {
      ...{ ...rest, records },
      onEnd: ({ name }, { status }) => ends.push(`${name} ${status}`),
    });
    expect(ends.filter((end) => end.startsWith("small"))).to.deep.equal(["small-4x8 failed"]);
    expect(ends.some((end) => end.startsWith("wide"))).to.equal(false);
    const { rows, warnings } = compareSuite(failing, runs[0], (hash) => records.get(hash), null, lost);
    expect(rows.map(({ missing, learningRate }) => [missing, learningRate === null])).to.deep.equal([
      [0, false],
      [0, true],
    ]);
    expect(
      warnings.filter((line) => /^wide, seed 0, .* failed: its small model failed: training stopped/.test(line)),
    ).to.have.length(2);
    // Once recorded, its failure is known from the beginning.
    await runSuites([failing], { ...{ ...rest, records }, onEnd: () => expect.fail("nothing was to be made") });
  });

  it("refuses folders that cannot be written before it prepares anything", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const told = { onPrepare: () => expect.fail("it prepared"), onEnd: () => expect.fail("it ran") };
    const failureOf = (change: object) =>
      runSuites([suite], { ...options(), ...told, ...change }).then(
        () => "none",
        ({ message }: Error) => message,
      );
    expect(await failureOf({ records: new Records(join(file, "records")) })).to.match(/cannot write into .*records/);
    expect(await failureOf({ folder: join(file, "runs") })).to.match(/cannot write into .*runs/);
  });

  it("stops all runs where a record cannot be kept, and fails with the reason", async () => {
    const { records, ...rest } = options();
    const failing = {
      folder: records.folder,
      get: () => undefined,
      add: () => {
        throw new Error("the disk is full");
      },
    };
    const fresh = { ...suite, seeds: 1, training: { ...suite.training, steps: 30 } };
    const ends: string[] = [];
    const error = await runSuites([fresh], {
      ...{ ...rest, records: failing as unknown as Records, processes: 2 },
      onEnd: (_, { status }) => ends.push(status),
    }).then(
      () => null,
      (reason: Error) => reason,
    );
    expect(error?.message).to.equal("the disk is full");
    // The other run was asked to stop, and its end was waited for.
    expect(ends.length).to.be.at.most(1);
  });

  it("makes solo runs anew, apart from those that shared the machine", async () => {
    const one: Suite = { ...suite, seeds: 1, learningRates: [1e-3], recipes: [suite.recipes[0]] };
    const { records, ...rest } = options();
    const { runs } = await runSuites([one], { ...rest, records });
    const recordNow = () => records.get(experimentHash(runs[0][0].grid[0]))!;
    const shared = recordNow();
    expect(shared.isSolo).to.equal(false);
    await runSuites([one], { ...{ ...rest, records }, solo: true });
    expect(recordNow().isSolo).to.equal(true);
    expect(recordNow().evaluations.at(-1)!.elapsedMs).not.to.equal(shared.evaluations.at(-1)!.elapsedMs);
    const { rows } = compareSuite(one, runs[0], () => recordNow(), null);
    expect(rows[0].seeds[0].elapsedMs).to.equal(recordNow().evaluations.at(-1)!.elapsedMs);
  });

  it("refuses a record that is damaged, naming the file", () => {
    const damaged = join(folder, "damaged");
    mkdirSync(damaged);
    writeFileSync(join(damaged, "a.run.json"), "{");
    expect(() => new Records(damaged)).to.throw(`${join(damaged, "a.run.json")} is not JSON`);
  });
});
