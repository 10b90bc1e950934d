import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type Experiment, parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { generateText } from "../../src/lab/generate-text.ts";
import { evaluationSteps, run } from "../../src/lab/run.ts";
import { readRun } from "../../src/report/run-files.ts";

const progressive: RecipeInput = { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.5] };

describe("a run in its folder", () => {
  let folder: string;
  let corpus: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "apollo-run-"));
    corpus = join(folder, "texts");
    mkdirSync(corpus);
    const words = ["sun", "moon", "stars", "rise", "fall", "over", "the", "quiet", "sea", "and", "hills"];
    for (let file = 0; file < 12; file++) {
      const text = Array.from({ length: 400 }, (_, index) => words[(index * (file + 3) + (index >> 2)) % words.length]);
      writeFileSync(join(corpus, `${file}.txt`), `${text.join(" ")}.\n`);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  function experiment(
    change: { recipe?: RecipeInput; family?: "gpt" | "bert"; peak?: number; name?: string } = {},
  ): Experiment {
    const { recipe = progressive, family = "gpt", peak = 3e-3, name = "small" } = change;
    return parseExperiment({
      name,
      model: { family, layers: 4, hidden: 16, heads: 2, context: 16, vocabulary: 300, dropout: 0.1 },
      data: { corpus, validationFraction: 0.2, validationTokens: 256 },
      recipe,
      training: { steps: 24, batch: 4, learningRate: { peak } },
      evaluations: 6,
    });
  }
  const options = (name: string) => ({ folder: join(folder, name), cacheFolder: join(folder, "cache") });
  const bytes = (name: string) => readFileSync(join(folder, name, "weights.safetensors"));

  it("writes its experiment, its logs, its weights and a checkpoint", async () => {
    const header = await run(experiment(), { ...options("whole"), apolloInfo: true });
    expect(header.status).to.equal("finished");
    expect(readdirSync(join(folder, "whole")).sort()).to.deep.equal([
      "apollo_info.jsonl",
      "checkpoint.safetensors",
      "evaluations.jsonl",
      "experiment.json",
      "run.json",
      "steps.jsonl",
      "tokenizer.json",
      "weights.safetensors",
    ]);
    const { steps, evaluations } = readRun(join(folder, "whole"));
    expect(steps.map(({ step }) => step)).to.deep.equal(Array.from({ length: 24 }, (_, step) => step));
    expect(steps.map(({ uniqueLayers }) => uniqueLayers)).to.deep.equal([
      ...Array(6).fill(1),
      ...Array(6).fill(2),
      ...Array(12).fill(4),
    ]);
    expect(steps.every(({ depth, uniqueLayers }) => depth >= uniqueLayers && depth <= 4)).to.equal(true);
    expect(evaluations.map(({ step }) => step)).to.deep.equal([0, 4, 8, 12, 16, 20, 24]);
    const total = steps.reduce((sum, { modelFlops }) => sum + modelFlops, 0);
    expect(evaluations.at(-1)!.modelFlops).to.equal(total);
    expect(evaluations.at(-1)!.loss).to.be.lessThan(evaluations[0].loss);
    const info = readFileSync(join(folder, "whole", "apollo_info.jsonl"), "utf8")
      .trim()
      .split("\n");
    expect(info).to.have.length(24);
    expect(JSON.parse(info[6])).to.include({ curr_global_step: 6, curr_unique_layer: 2, do_stack: true });
  });

  for (const stopAfter of [5, 6, 13]) {
    it(`continues to bitwise the same weights and log after a stop at step ${stopAfter}`, async () => {
      const name = `cut-${stopAfter}`;
      const controller = new AbortController();
      const stopped = await run(experiment(), {
        ...options(name),
        signal: controller.signal,
        onProgress: ({ step }) => {
          if (step === stopAfter) controller.abort();
        },
      });
      expect(stopped.status).to.equal("interrupted");
      expect(stopped.reason).to.equal(`stopped after ${stopAfter} of 24 steps`);
      await run(experiment(), { ...options(name), resume: true });
      expect(bytes(name).equals(bytes("whole"))).to.equal(true);
      const told = (folderName: string) => {
        const { steps, evaluations } = readRun(join(folder, folderName));
        return [...steps, ...evaluations].map(({ elapsedMs: _, ...record }) => record);
      };
      expect(told(name)).to.deep.equal(told("whole"));
    });
  }

  it("leaves a finished run as it is, and refuses another experiment or an unfinished run", async () => {
    const before = bytes("whole");
    expect((await run(experiment(), { ...options("whole"), resume: true })).status).to.equal("finished");
    expect(bytes("whole").equals(before)).to.equal(true);
    await refused(
      run(experiment({ peak: 1e-3 }), { ...options("whole"), resume: true }),
      /holds another experiment \("small", seed 0\)/,
    );
    const header = join(folder, "whole", "run.json");
    const finished = readFileSync(header, "utf8");
    writeFileSync(header, finished.replace('"finished"', '"interrupted"'));
    await refused(run(experiment(), options("whole")), /holds an unfinished run; continue it with --resume/);
    writeFileSync(header, finished);
  });

  it("that diverges says at which step, and is marked as failed", async () => {
    await refused(
      run(experiment({ peak: 1e30 }), options("diverged")),
      /training stopped at step \d+: loss .*learning rate/,
    );
    const { header } = readRun(join(folder, "diverged"));
    expect(header.status).to.equal("failed");
    expect(header.reason).to.match(/training stopped at step/);
  });

  it("of BERT masks tokens and learns", async () => {
    const { status } = await run(experiment({ family: "bert" }), options("bert"));
    expect(status).to.equal("finished");
    const { evaluations } = readRun(join(folder, "bert"));
    expect(evaluations.at(-1)!.loss).to.be.lessThan(evaluations[0].loss);
  });

  it("refuses an empty corpus and a missing one in one sentence, and writes nothing", async () => {
    const empty = join(folder, "empty.txt");
    writeFileSync(empty, " \n");
    for (const [path, message] of [
      [empty, /empty\.txt is empty/],
      [join(folder, "nowhere"), /there is no corpus ".*nowhere"/],
    ] as const) {
      const bad = { ...experiment(), data: { ...experiment().data, corpus: path } };
      await refused(run(bad, options("bad")), message);
      expect(readdirSync(folder)).not.to.include("bad");
    }
  });

  it("generates the same text for the same seed, at any depth", () => {
    const write = (change: object) =>
      [
        ...generateText(join(folder, "whole"), { prompt: "the sun", tokens: 20, temperature: 1, seed: 3, ...change }),
      ].join("");
    expect(write({})).to.equal(write({}));
    expect(write({})).not.to.equal(write({ seed: 4 }));
    expect(write({ depth: 2 })).to.be.a("string");
    expect(() => write({ depth: 5 })).to.throw("depth must be a whole number from 1 to 4, not 5");
    expect(() => [...generateText(join(folder, "bert"), { prompt: "a", tokens: 1, temperature: 1, seed: 0 })]).to.throw(
      /only gpt writes text/,
    );
  });

  it("is evaluated evenly and at its end", () => {
    expect([...evaluationSteps(10, 4)]).to.deep.equal([3, 5, 8, 10]);
    expect([...evaluationSteps(3, 100)]).to.deep.equal([1, 2, 3]);
  });
});

async function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  let error: Error | undefined;
  await promise.catch((caught: Error) => (error = caught));
  expect(error, "it was not refused").to.be.instanceOf(Error);
  expect(error!.message).to.match(message);
}
