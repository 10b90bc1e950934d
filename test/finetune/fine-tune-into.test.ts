import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { fineTuneInto } from "../../src/finetune/fine-tune-into.ts";
import { headModelFor } from "../../src/finetune/head-model.ts";
import { parseExperiment } from "../../src/lab/experiment.ts";
import { run } from "../../src/lab/run.ts";
import { Gpt } from "../../src/nn/index.ts";
import { savePretrained } from "../../src/pretrained/index.ts";
import type { LabelledTask } from "../../src/tasks/task.ts";
import { makeSmallCorpus } from "../lab/small-corpus.ts";
import { gptTokenizer, SIZE, sentences, tags } from "./small-task.ts";

describe("fine-tuning into a folder refuses, before anything is trained or written,", () => {
  const { folder, corpus } = makeSmallCorpus("fine-tune-into");
  after(() => rmSync(folder, { recursive: true }));

  async function refusal(from: string, task: LabelledTask = sentences): Promise<string> {
    const out = join(folder, "out");
    const options = { epochs: 1, batch: 4, weightDecay: 0, dropout: 0, probe: false, seeds: [0] };
    let hasBegun = false;
    try {
      await fineTuneInto(task, {
        ...{ ...options, from, folder: out, source: { task: task.name } },
        onBegin: () => {
          hasBegun = true;
        },
      });
    } catch (error) {
      expect(hasBegun).to.equal(false);
      expect(existsSync(out)).to.equal(false);
      return (error as Error).message.replace(from, "<from>");
    }
    throw new Error("nothing was refused");
  }

  for (const [family, norm, sentence] of [
    ["gpt", "post", "it is a post-LN GPT, and GPT-2 is pre-LN"],
    ["bert", "pre", "it is a pre-LN BERT, and BERT is post-LN"],
  ] as const) {
    it(`a ${norm}-LN ${family}, which could not be saved`, async () => {
      const experiment = parseExperiment({
        name: "small",
        model: { family, norm, layers: 1, hidden: 16, heads: 2, context: 16, vocabulary: 300 },
        data: { corpus, validationFraction: 0.2, validationTokens: 256 },
        recipe: { kind: "scratch" },
        training: { steps: 1, batch: 2, learningRate: { peak: 1e-3 } },
        evaluations: 1,
      });
      const from = join(folder, family);
      await run(experiment, { folder: from, cacheFolder: join(folder, "cache") });
      expect(await refusal(from)).to.equal(`<from>: Hugging Face has no class for this model: ${sentence}`);
    });
  }

  it("a GPT where single tokens are judged", async () => {
    const from = join(folder, "causal");
    savePretrained(from, { model: new Gpt(SIZE), tokenizer: gptTokenizer });
    expect(await refusal(from, tags)).to.equal(
      "<from>: tags is a task of tagging; a GPT learns classification and regression alone",
    );
  });

  it("a tokenizer of another family", async () => {
    const from = join(folder, "mixed");
    savePretrained(from, { model: headModelFor(sentences, SIZE), tokenizer: gptTokenizer });
    for (const task of [sentences, tags])
      expect(await refusal(from, task)).to.equal(
        "<from>: the tokenizer has no classification token, which fine-tuning needs",
      );
  });

  it("a model that reads too few tokens", async () => {
    const from = join(folder, "short");
    savePretrained(from, { model: headModelFor(sentences, { ...SIZE, context: 7 }), tokenizer: gptTokenizer });
    expect(await refusal(from)).to.equal(
      "<from>: sentences needs a model that reads 8 tokens or more, this one reads 7",
    );
  });

  it("a folder that holds no model", async () => {
    expect(await refusal(corpus)).to.equal(
      "<from> holds neither a run (experiment.json) nor a model in Hugging Face's form (config.json with a model_type)",
    );
    expect(await refusal(join(folder, "nowhere"))).to.equal("there is no folder <from>");
  });
});
