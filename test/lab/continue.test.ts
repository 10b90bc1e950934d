import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { noGrad } from "../../src/autograd/index.ts";
import { trainBpe } from "../../src/data/bpe-trainer.ts";
import { loadCorpus } from "../../src/data/corpus.ts";
import { maskedValidationBatches } from "../../src/data/index.ts";
import { splitByDocument } from "../../src/data/split-by-document.ts";
import { Tokenizer } from "../../src/data/tokenizer.ts";
import { analyseStreams } from "../../src/lab/analyse.ts";
import { type ExperimentInput, experimentHash, parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { evaluationBatch } from "../../src/lab/memory-estimate.ts";
import { describeModel, openModel } from "../../src/lab/open-model.ts";
import { planRun } from "../../src/lab/plan.ts";
import { run } from "../../src/lab/run.ts";
import { prepareCorpora } from "../../src/lab/task.ts";
import { loadTrainedModel, materialised } from "../../src/lab/trained-model.ts";
import { type Bert, BertForSequenceClassification, Gpt } from "../../src/nn/index.ts";
import { fromPretrained, savePretrained } from "../../src/pretrained/index.ts";
import { readRun } from "../../src/report/run-files.ts";
import { mean } from "../../src/report/statistics.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

const STEPS = 6;
const CONTEXT = 16;
/** More validation tokens than there are. */
const ALL = 100_000;

describe("a run that begins from a trained model", () => {
  let folder: string;
  /** What the first models learn from, and what they are continued on. */
  let corpus: string;
  let others: string;
  const place = (name: string) => join(folder, name);
  const options = (name: string) => ({ folder: place(name), cacheFolder: place("cache") });

  before(async () => {
    ({ folder, corpus } = makeSmallCorpus("continue"));
    others = place("others");
    mkdirSync(others);
    for (let file = 0; file < 6; file++)
      writeFileSync(join(others, `${file}.txt`), `${"The hills and the sea, ".repeat(40 + file)}said ${file}.`);
    for (const family of ["gpt", "bert"] as const) {
      // Stopped while two weights serve four layers: what is continued is the whole model all the same.
      const stop = new AbortController();
      const first = parseExperiment({
        name: "first",
        model: { family, layers: 4, hidden: 16, heads: 2, context: CONTEXT, vocabulary: 300 },
        data: { corpus, validationFraction: 0.2, validationTokens: 256 },
        recipe: { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.75] },
        training: { steps: 12, batch: 2, learningRate: { peak: 3e-3 } },
        evaluations: 1,
      });
      const stopping = { signal: stop.signal, onProgress: ({ step }: { step: number }) => step === 8 && stop.abort() };
      await run(first, { ...options(family), ...stopping });
      const trained = loadTrainedModel(place(family));
      const model = materialised(trained, trained.path());
      savePretrained(place(`${family}-files`), { model, tokenizer: trained.tokenizer });
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  function experimentFrom(
    name: string,
    change: Partial<ExperimentInput> = {},
    recipe: RecipeInput = { kind: "scratch" },
  ) {
    return parseExperiment({
      name: "continued",
      model: describeModel(place(name)),
      data: { corpus: others, validationFraction: 0.34, validationTokens: ALL },
      from: place(name),
      recipe,
      training: { steps: STEPS, batch: 2, learningRate: { peak: 1e-3 } },
      evaluations: 3,
      ...change,
    });
  }
  const losses = (name: string) => {
    const { steps, evaluations } = readRun(place(name));
    return [...steps, ...evaluations].map(({ loss }) => loss);
  };
  const weights = (name: string) => readFileSync(join(place(name), "weights.safetensors"));

  /** The validation side of the other texts as tokens, in the vocabulary of Hugging Face's files. */
  function validationTokens(family: "gpt" | "bert"): { tokenizer: Tokenizer; tokens: Int32Array } {
    const tokenizer = Tokenizer.fromJson(readFileSync(join(place(`${family}-files`), "tokenizer.json"), "utf8"));
    const end = family === "gpt" ? tokenizer.special.endOfText! : tokenizer.special.separator!;
    const { validation } = splitByDocument(loadCorpus(others), { validationFraction: 0.34, seed: 0 });
    return { tokenizer, tokens: Int32Array.from(validation.flatMap(({ text }) => [...tokenizer.encode(text), end])) };
  }
  /** −ln p of a token by a row of logits. */
  const surprise = (logits: Tensor, row: number, token: number): number => {
    const vocabulary = logits.shape.at(-1)!;
    const own = [...logits.numbers.subarray(row * vocabulary, (row + 1) * vocabulary)];
    return Math.log(own.reduce((sum, logit) => sum + Math.exp(logit), 0)) - own[token];
  };
  const idsOf = (tokens: ArrayLike<number>, shape: number[]) => Tensor.from(Int32Array.from(tokens), shape, "i32");

  /** Mean −ln p of what follows every token, in windows of `context`, from the logits of the model in the files. */
  function causalLoss(context: number): number {
    const { tokens } = validationTokens("gpt");
    const { model } = fromPretrained(place("gpt-files"), { as: "causal-lm" });
    const surprises: number[] = [];
    for (let start = 0; start + context < tokens.length; start += context) {
      const logits = model.forward(idsOf(tokens.subarray(start, start + context), [1, context]));
      for (let row = 0; row < context; row++) surprises.push(surprise(logits, row, tokens[start + row + 1]));
    }
    return mean(surprises);
  }
  /** Mean −ln p of the masked tokens. */
  function maskedLoss(batchSize: number): number {
    const { tokenizer, tokens } = validationTokens("bert");
    const { model } = fromPretrained(place("bert-files"), { as: "masked-lm" });
    const settings = { context: CONTEXT, batchSize, minimumTokens: ALL, tokenizer };
    const surprises = maskedValidationBatches(tokens, settings).flatMap(({ inputs, positions, targets, rows }) => {
      const logits = model.forward(idsOf(inputs, [rows, CONTEXT]), idsOf(positions, [positions.length]));
      return [...targets].map((token, row) => surprise(logits, row, token));
    });
    return mean(surprises);
  }

  it("is at first the model that Hugging Face's files hold, by its loss on the other texts: GPT", async () => {
    await run(experimentFrom("gpt-files"), options("gpt-from-files"));
    const [first, ...rest] = readRun(place("gpt-from-files")).evaluations;
    expect(first.loss).to.be.closeTo(
      scope(() => noGrad(() => causalLoss(CONTEXT))),
      1e-5,
    );
    expect(rest.at(-1)!.loss).to.be.below(first.loss);
  });

  it("is at first the model that Hugging Face's files hold, by its loss on the other texts: BERT", async () => {
    const experiment = experimentFrom("bert-files");
    await run(experiment, options("bert-from-files"));
    const loss = scope(() => noGrad(() => maskedLoss(evaluationBatch(experiment))));
    expect(readRun(place("bert-from-files")).evaluations[0].loss).to.be.closeTo(loss, 1e-5);
  });

  for (const family of ["gpt", "bert"] as const) {
    it(`is the same from a run that was cut off and from its files, and after a stop: ${family}`, async () => {
      const experiment = experimentFrom(family);
      const stop = new AbortController();
      const stopping = { signal: stop.signal, onProgress: ({ step }: { step: number }) => step === 3 && stop.abort() };
      const name = `${family}-from-run`;
      expect((await run(experiment, { ...options(name), ...stopping })).status).to.equal("interrupted");
      // A run that goes on needs nothing but its own folder.
      renameSync(place(family), place("away"));
      await run(experiment, { ...options(name), resume: true });
      renameSync(place("away"), place(family));
      expect(losses(name)).to.have.length(STEPS + 4);
      expect(losses(name)).to.deep.equal(losses(`${family}-from-files`));
      expect(weights(name).equals(weights(`${family}-from-files`))).to.equal(true);
      // What it came to is opened, and continued, like any other run.
      const { model, tokenizer, path } = openModel(place(name));
      expect(tokenizer.toJson()).to.deep.equal(openModel(place(family)).tokenizer.toJson());
      expect(path().map(({ block }) => block)).to.deep.equal(model.blocks);
      await run(experimentFrom(name), options(`${name}-again`));
      expect(losses(`${name}-again`)[STEPS]).to.equal(losses(name).at(-1));
    });
  }

  it("may have a shorter context, and keeps its first positions", async () => {
    const shorter = { ...describeModel(place("gpt")), context: 8 };
    await run(experimentFrom("gpt", { model: shorter }), options("shorter"));
    const { model } = openModel(place("shorter"));
    expect(model.size.context).to.equal(8);
    expect(readRun(place("shorter")).evaluations[0].loss).to.be.closeTo(
      scope(() => noGrad(() => causalLoss(8))),
      1e-5,
    );
  });

  it("keeps what models from elsewhere have otherwise, and ids without a token", async () => {
    const { tokenizer } = validationTokens("gpt");
    const size = { layers: 2, hidden: 16, heads: 2, context: CONTEXT, vocabulary: tokenizer.vocabularySize + 7 };
    const other = { inner: 24, activation: "gelu", epsilon: 1e-3 } as const;
    savePretrained(place("other"), { model: new Gpt({ ...size, ...other, seed: 5 }), tokenizer });
    const model = describeModel(place("other"));
    expect(model).to.deep.equal({ family: "gpt", ...size, ...other, dropout: 0 });
    const experiment = experimentFrom("other");
    await run(experiment, options("from-other"));
    // What a plan tells holds for inner layers of any size.
    expect(planRun(experiment).cost.modelFlops).to.equal(readRun(place("from-other")).evaluations.at(-1)!.modelFlops);
    expect(planRun(experiment).parameters).to.equal(openModel(place("other")).model.parameterCount());
    const again = openModel(place("from-other"));
    const written = loadTrainedModel(place("from-other"));
    savePretrained(place("other-files"), { model: materialised(written, written.path()), tokenizer });
    expect(describeModel(place("other-files"))).to.deep.equal(model);
    expect(describeModel(place("from-other"))).to.deep.equal(model);
    const ids = idsOf([5, 250, 7, 7, 80], [1, 5]);
    const output = (of: Gpt | Bert) => scope(() => noGrad(() => [...of.hidden(ids).numbers]));
    expect(output(openModel(place("other-files")).model)).to.deep.equal(output(again.model));
    expect(() => parseExperiment({ ...experimentFrom("other"), from: undefined })).to.throw(
      "experiment: model.inner is 24, which only a model to begin from can have",
    );
  });

  it("is analysed with the tokenizer that it has, be the model that it began from gone", () => {
    renameSync(place("gpt-files"), place("away"));
    const [profile] = analyseStreams([place("gpt-from-files")], { cacheFolder: place("cache") });
    renameSync(place("away"), place("gpt-files"));
    expect(profile.layers).to.have.length(4);
    expect(profile.endLoss).to.be.finite;
  });

  it("has its texts in its model's tokens, also where they are prepared for several runs", () => {
    const { from: _, ...alone } = experimentFrom("gpt");
    const experiments = [experimentFrom("gpt"), experimentFrom("bert"), parseExperiment(alone)];
    const prepared = prepareCorpora(experiments, { cacheFolder: place("cache") });
    const [gpt, bert, own] = prepared.map(({ tokenizer }) => tokenizer.toJson());
    expect(gpt).to.deep.equal(openModel(place("gpt")).tokenizer.toJson());
    expect(bert).to.deep.equal(openModel(place("bert")).tokenizer.toJson());
    expect(own).not.to.deep.equal(gpt);
  });

  it("is an experiment of its own, unlike the same one from random weights", () => {
    const { from: _, ...rest } = experimentFrom("gpt");
    expect(parseExperiment(rest)).to.deep.equal(rest);
    expect(experimentHash(parseExperiment(rest))).not.to.equal(experimentHash(experimentFrom("gpt")));
  });

  it("has a recipe with all layers from the first step on", () => {
    for (const recipe of [
      { kind: "raptr" },
      { kind: "layer-drop" },
      { kind: "apollo", stages: [4], boundaries: [] },
    ] as RecipeInput[])
      expect(experimentFrom("gpt", {}, recipe).recipe.kind).to.equal(recipe.kind);
    const small = { hidden: 8, heads: 1 };
    for (const [recipe, complaint] of [
      [
        { kind: "apollo", stages: [2, 4], boundaries: [0.5] },
        "apollo-lvps cannot begin from PLACE: it begins with fewer layers (2) than there are weights for (4)",
      ],
      [{ kind: "mslt", stageLength: 0.2 }, "mslt cannot begin from PLACE: it begins with fewer layers (1)"],
      [{ kind: "albert" }, "albert cannot begin from PLACE: it begins with fewer layers (1)"],
      [{ kind: "swe-adaptive" }, "swe-a cannot begin from PLACE: it begins with layers that are equal"],
      [{ kind: "lemon", small }, "lemon cannot begin from PLACE: its first weights are made from a small model"],
    ] as [RecipeInput, string][])
      expect(() => experimentFrom("gpt", {}, recipe)).to.throw(complaint.replace("PLACE", place("gpt")));
  });

  it("is refused where the model is another one, before anything is written", async () => {
    const model = describeModel(place("gpt"));
    const failure = async (change: Partial<ExperimentInput>): Promise<string> => {
      const error = await run(experimentFrom("gpt", change), options("refused")).catch((thrown: Error) => thrown);
      expect(existsSync(place("refused"))).to.equal(false);
      return (error as Error).message;
    };
    for (const [name, change, values] of [
      ["family", { family: "bert" }, "gpt, the experiment's bert"],
      ["layers", { layers: 3 }, "4, the experiment's 3"],
      ["hidden", { hidden: 32 }, "16, the experiment's 32"],
      ["heads", { heads: 4 }, "2, the experiment's 4"],
      ["context", { context: 17 }, "16, the experiment's 17"],
      ["vocabulary", { vocabulary: 500 }, `${model.vocabulary}, the experiment's 500`],
      ["norm", { norm: "post" }, "pre, the experiment's post"],
      ["inner", { inner: 8 }, "64, the experiment's 8"],
      ["activation", { activation: "gelu" }, "gelu-tanh, the experiment's gelu"],
      ["epsilon", { epsilon: 1e-3 }, "0.00001, the experiment's 0.001"],
    ] as [string, Partial<typeof model>, string][]) {
      expect(await failure({ model: { ...model, ...change } })).to.equal(
        `${place("gpt")}: the model's ${name} is ${values}`,
      );
    }
    const huge = { ...model, vocabulary: 300_000_000 };
    expect(await failure({ model: huge })).to.match(/^the model does not fit: training needs about/);
    expect(await failure({ from: corpus })).to.equal(
      `${corpus} holds neither a run (experiment.json) nor a model in Hugging Face's form (config.json with a model_type)`,
    );
  });

  it("is refused where the folder has no language model, no tokenizer, or none that ends documents", async () => {
    const { tokenizer } = validationTokens("gpt");
    const size = { layers: 1, hidden: 16, heads: 2, context: CONTEXT, vocabulary: 300 };
    const model = { family: "gpt", ...size, dropout: 0 } as const;
    const failure = async (name: string): Promise<string> => {
      const experiment = experimentFrom("gpt", { model, from: place(name) });
      const error = await run(experiment, options("refused")).catch((thrown: Error) => thrown);
      expect(existsSync(place("refused"))).to.equal(false);
      return (error as Error).message;
    };
    savePretrained(place("mute"), { model: new Gpt({ ...size, seed: 1 }) });
    const mute = `${place("mute")} has no tokenizer: tokenizer.json, vocab.txt, or vocab.json with merges.txt`;
    expect(await failure("mute")).to.equal(mute);
    expect(() => openModel(place("mute"))).to.throw(mute);
    const endless = Tokenizer.fromJson({ ...tokenizer.toJson(), added_tokens: [] });
    savePretrained(place("endless"), { model: new Gpt({ ...size, seed: 1 }), tokenizer: endless });
    expect(await failure("endless")).to.equal(
      `${place("endless")}: the tokenizer has no special token <|endoftext|>, with which every document ends`,
    );
    const classifier = new BertForSequenceClassification({ ...size, outputs: 2 });
    savePretrained(place("classifier"), { model: classifier, tokenizer });
    expect(await failure("classifier")).to.equal(
      `${place("classifier")} holds a model for sequence-classification, not a language model`,
    );
  });
});

describe("a model opened from Hugging Face's files", () => {
  it("runs through all of its layers, or evenly chosen ones", () => {
    withTemporaryFolder((folder) => {
      const specialTokens = ["<|endoftext|>"];
      const tokenizer = Tokenizer.fromJson(trainBpe({ texts: ["a text"], vocabularySize: 260, specialTokens }));
      const model = new Gpt({ layers: 6, hidden: 8, heads: 2, context: 8, vocabulary: 260, seed: 1 });
      savePretrained(folder, { model, tokenizer });
      const opened = openModel(folder);
      const layers = (depth?: number) =>
        opened.path(depth).map(({ block }) => opened.model.blocks.indexOf(block as never));
      expect(layers()).to.deep.equal([0, 1, 2, 3, 4, 5]);
      expect(layers(3)).to.deep.equal([0, 2, 4]);
      expect(() => opened.path(7)).to.throw("the depth must be a whole number from 1 to 6, not 7");
    });
  });
});
