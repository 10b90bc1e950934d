import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { runTransfer } from "../../src/suites/run-transfer.ts";
import type { TransferSuite } from "../../src/suites/transfer.ts";
import { readTransfer, transferLabels } from "../../src/suites/transfer-records.ts";
import { makeSmallCorpus } from "../lab/small-corpus.ts";

const { folder, corpus } = makeSmallCorpus("transfer");
const task = join(folder, "task");
const records = join(folder, "records");
const encoders = join(folder, "encoders");
const training = { epochs: 1, batch: 4, learningRate: 1e-3, weightDecay: 0.01, dropout: 0.1 };

const SUITE: TransferSuite = {
  pretraining: {
    model: { family: "bert", layers: 4, hidden: 16, heads: 2, context: 16, vocabulary: 300 },
    data: { corpus, validationFraction: 0.2, validationTokens: 256 },
    training: { steps: 24, batch: 4 },
    evaluations: 6,
  },
  recipes: [
    { label: "scratch", recipe: { kind: "scratch" }, learningRate: 1e-3 },
    // Its rate is higher by so much that it is down to Scratch's loss long before its end.
    { label: "quick", recipe: { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.5] }, learningRate: 1e-2 },
    { label: "aki", recipe: { kind: "bert2bert", small: { hidden: 8, heads: 1 } }, learningRate: 1e-3 },
  ],
  tasks: [
    { name: task, examples: 12, mode: "fine-tuned", training },
    { name: task, examples: 12, mode: "probe", training },
  ],
  seeds: 1,
};

describe("the suite of transfer", function () {
  this.timeout(60_000);

  before(() => {
    mkdirSync(task);
    const lines = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        JSON.stringify({ text: `the ${index % 2 ? "sun" : "moon"} rises`, label: index % 2 ? "day" : "night" }),
      ).join("\n");
    writeFileSync(join(task, "train.jsonl"), lines(20));
    writeFileSync(join(task, "dev.jsonl"), lines(8));
  });
  after(() => rmSync(folder, { recursive: true }));

  const options = { folder: encoders, records, processes: 2, cacheFolder: join(folder, "cache") };

  it("pre-trains down to the target's loss, tries every encoder on every task, and keeps what it found", async () => {
    const names: string[] = [];
    const failed = await runTransfer(SUITE, { ...options, onJob: (name) => names.push(name) });
    expect([...failed]).to.deep.equal([]);
    expect(new Set(names).size).to.equal(names.length);
    expect(names.filter((name) => name.startsWith("pre-training"))).to.have.length(4);

    const found = readTransfer(SUITE, records);
    expect(found.map(({ label }) => label)).to.deep.equal(["scratch", "quick", "aki", "untrained"]);
    for (const { results } of found) {
      expect(results.map(({ mode }) => mode)).to.deep.equal(["fine-tuned", "probe"]);
      for (const { scores } of results) expect(scores.accuracy).to.be.within(0, 1);
    }
    const [scratch, quick, aki, untrained] = found.map(({ pretraining }) => pretraining);
    expect(scratch).to.include({ steps: 24, ofSteps: 24 }).and.not.to.have.property("targetLoss");
    expect(quick!.targetLoss).to.equal(scratch!.loss);
    expect(quick!.loss).to.be.at.most(scratch!.loss);
    expect(quick!.steps).to.be.below(24);
    expect(quick!.modelFlops).to.be.below(scratch!.modelFlops);
    expect(aki!.smallModelFlops).to.be.above(0);
    expect(untrained).to.equal(undefined);
  });

  it("goes on from what is recorded, and reads no records of other settings", async () => {
    const path = join(records, "quick-seed0.transfer.json");
    const whole = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...whole, results: whole.results.slice(0, 1) }));
    const names: string[] = [];
    await runTransfer(SUITE, { ...options, onJob: (name) => names.push(name) });
    expect(names).to.deep.equal([`quick, seed 0: ${task}, probe`]);
    // The same numbers again.
    expect(readTransfer(SUITE, records)[1].results).to.deep.equal(whole.results);
    const other = { ...SUITE, tasks: [{ ...SUITE.tasks[0], examples: 11 }] };
    expect(readTransfer(other, records).flatMap(({ results }) => results)).to.deep.equal([]);
    // With another target, all encoders would be others.
    const [target, ...rest] = SUITE.recipes;
    const raised = { ...SUITE, recipes: [{ ...target, learningRate: 2e-3 }, ...rest] };
    expect(readTransfer(raised, records)).to.deep.equal([]);
  });

  it("tells what failed, and goes on with the rest", async () => {
    const broken = { ...SUITE.tasks[0], name: join(folder, "nothing") };
    const failed = await runTransfer({ ...SUITE, tasks: [broken] }, { ...options, records: join(folder, "others") });
    expect([...failed.keys()]).to.have.members(
      transferLabels(SUITE).map((label) => `${label}, seed 0: ${broken.name}, fine-tuned`),
    );
    for (const reason of failed.values()) expect(reason).to.match(/^there is no task /);
  });
});
