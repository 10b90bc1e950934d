import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { compareRuns } from "../../src/lab/compare.ts";
import { experimentHash } from "../../src/lab/experiment.ts";
import { readRun } from "../../src/report/run-files.ts";
import { suiteTable } from "../../src/report/suite-table.ts";
import { compareSuite, workOf } from "../../src/suites/compare-suite.ts";
import { Records } from "../../src/suites/records.ts";
import { runSuites } from "../../src/suites/run-suite.ts";
import type { Suite } from "../../src/suites/suite.ts";
import { writeSuiteReport } from "../../src/suites/suite-report.ts";
import { makeSmallCorpus } from "../lab/small-corpus.ts";
import { SMALL } from "./small-suite.ts";

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
    const ms = Object.fromEntries(workOf(runs, recordOfHash).kinds.map((kind) => [kind, Number(kind.split("/")[1])]));
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
      warnings.filter((line) => /^wide, seed 0, .* failed: the small model: training stopped/.test(line)),
    ).to.have.length(2);
    // Once recorded, its failure is known from the beginning.
    await runSuites([failing], { ...{ ...rest, records }, onEnd: () => expect.fail("nothing was to be made") });
  });

  it("makes the seeds of a recipe whose grid is complete once a run is lost", async () => {
    // The small model takes the run's learning rate, and fails with one of the two.
    const recipe = { kind: "bert2bert", knowledge: "fpi", small: { hidden: 8, heads: 1, steps: 10 } } as const;
    const late: Suite = {
      ...suite,
      learningRates: [1e-3, 1e38],
      training: { ...suite.training, clipNorm: 1e9 },
      recipes: [{ label: "late", recipe }],
    };
    const ends: string[] = [];
    const { records, ...rest } = options();
    const {
      runs: [[{ chosen, seeds }]],
      lost,
    } = await runSuites([late], {
      // So that nothing runs when the run is lost.
      ...{ ...rest, records, processes: 1 },
      onEnd: ({ name, seed }, { status }) => ends.push(`${name} ${seed} ${status}`),
    });
    expect(lost.size).to.equal(1);
    expect(chosen).to.equal(1e-3);
    expect(ends.at(-1)).to.equal("late 1 finished");
    expect(seeds.every((run) => records.get(experimentHash(run))?.header.status === "finished")).to.equal(true);
  });

  it("records a run whose growth operator diverges, and does not make it again", async () => {
    const small = { hidden: 8, heads: 1, steps: 10, learningRate: 3e-3 };
    const recipe = { kind: "ligo", operatorSteps: 4, operatorLearningRate: 1e38, small } as const;
    const failing: Suite = {
      ...suite,
      learningRates: [1e-3],
      training: { ...suite.training, clipNorm: 1e9 },
      recipes: [{ label: "ligo", recipe }],
    };
    const { records, ...rest } = options();
    const {
      runs: [runs],
      lost,
    } = await runSuites([failing], { ...rest, records });
    expect(lost.size).to.equal(0);
    const { header } = records.get(experimentHash(runs[0].grid[0]))!;
    expect(header.status).to.equal("failed");
    expect(header.reason).to.match(/^the growth operator: training stopped at step \d: loss/);
    const reread = new Records(records.folder);
    await runSuites([failing], { ...{ ...rest, records: reread }, onEnd: () => expect.fail("nothing was to be made") });
    const comparison = compareSuite(failing, runs, (hash) => reread.get(hash), null);
    const { rows, warnings } = comparison;
    expect(rows[0].missing).to.equal(0);
    // A page can be made of runs without a single evaluation.
    await writeSuiteReport(join(folder, "report"), comparison);
    expect(warnings[0]).to.match(/^ligo, seed 0, learning rate 0\.001, failed: the growth operator: training stopped/);
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
});
