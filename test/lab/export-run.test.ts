import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { noGrad } from "../../src/autograd/index.ts";
import { parseExperiment } from "../../src/lab/experiment.ts";
import { exportRun } from "../../src/lab/export-run.ts";
import { run } from "../../src/lab/run.ts";
import { loadTrainedModel } from "../../src/lab/trained-model.ts";
import type { Bert, Gpt, LayerUse } from "../../src/nn/index.ts";
import { fromPretrained } from "../../src/pretrained/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

const LAYERS = 4;

describe("exported runs", () => {
  let folder: string;
  let corpus: string;

  before(() => {
    ({ folder, corpus } = makeSmallCorpus("export"));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** The last layer's output for some tokens. */
  const outputOf = (model: Gpt | Bert, path?: readonly LayerUse[]) =>
    scope(() => noGrad(() => [...model.hidden(Tensor.from([5, 250, 7, 7, 80], [1, 5], "i32"), { path }).numbers]));

  for (const family of ["gpt", "bert"] as const) {
    it(`compute what the run's ${family} computes, also while its layers are shared, and cut text alike`, async () => {
      const experiment = parseExperiment({
        name: "small",
        model: { family, layers: LAYERS, hidden: 16, heads: 2, context: 16, vocabulary: 300 },
        data: { corpus, validationFraction: 0.2, validationTokens: 256 },
        recipe: { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.5] },
        training: { steps: 12, batch: 2, learningRate: { peak: 3e-3 } },
        evaluations: 2,
      });
      const place = join(folder, family);
      const stop = new AbortController();
      await run(experiment, {
        folder: place,
        cacheFolder: join(folder, "cache"),
        signal: stop.signal,
        onProgress: ({ step }) => step === 5 && stop.abort(),
      });
      const out = join(folder, `${family}-exported`);
      const trained = loadTrainedModel(place);
      expect(exportRun(place, { out })).to.deep.equal({
        ...{ className: family === "gpt" ? "GPT2LMHeadModel" : "BertForMaskedLM", layers: LAYERS, updates: 5 },
        parameters: trained.model.parameterCount(),
      });
      const exported = fromPretrained(out, { as: family === "gpt" ? "causal-lm" : "masked-lm" });
      expect(outputOf(exported.model)).to.deep.equal(outputOf(trained.model, trained.path()));
      const text = "The quiet sea, and a [MASK] – <|endoftext|>?";
      expect(exported.tokenizer!.encode(text)).to.deep.equal(trained.tokenizer.encode(text));
      expect(exported.tokenizer!.special).to.deep.equal(trained.tokenizer.special);
      const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
      const { endOfText, padding } = trained.tokenizer.special;
      if (family === "gpt") expect(config).to.include({ model_type: "gpt2", n_layer: 4, eos_token_id: endOfText });
      else expect(config).to.include({ model_type: "bert", num_hidden_layers: 4, pad_token_id: padding });
      expect(() => exportRun(place, { out: `${place}/../${family}/` })).to.throw(
        `${place}/../${family}/ holds a run; choose another folder`,
      );
    });
  }
});
