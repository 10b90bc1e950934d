import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { setGrowthMasks } from "../../src/apollo/growth/growth-masks.ts";
import { noGrad } from "../../src/autograd/index.ts";
import { type Experiment, parseExperiment } from "../../src/lab/experiment.ts";
import { run } from "../../src/lab/run.ts";
import { loadTrainedModel, materialised } from "../../src/lab/trained-model.ts";
import { Bert, Gpt, type LayerUse } from "../../src/nn/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose } from "../nn/expect-close.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

const LAYERS = 4;

function experimentOf(family: "gpt" | "bert", corpus = "brown", norm?: "pre" | "post"): Experiment {
  return parseExperiment({
    name: "small",
    model: { family, layers: LAYERS, hidden: 16, heads: 2, context: 16, vocabulary: 300, ...(norm && { norm }) },
    data: { corpus, validationFraction: 0.2, validationTokens: 256 },
    recipe: { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.5] },
    training: { steps: 12, batch: 2, learningRate: { peak: 3e-3 } },
    evaluations: 2,
  });
}

/** The last layer's output for some tokens. */
function outputOf(model: Gpt | Bert, path: readonly LayerUse[]): Float32Array {
  const ids = Tensor.from([5, 250, 7, 7, 80], [1, 5], "i32");
  return scope(() => noGrad(() => Float32Array.from(model.hidden(ids, { path }).numbers)));
}

const straight = (model: Gpt | Bert): LayerUse[] => model.blocks.map((block) => ({ block, branchScale: 1 }));

describe("a trained model in its run's folder", () => {
  let folder: string;
  let corpus: string;

  before(() => {
    ({ folder, corpus } = makeSmallCorpus("trained-model"));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const family of ["gpt", "bert"] as const) {
    it(`is read at the end and when ${family} was cut off, with the layers that it runs through`, async () => {
      const experiment = experimentOf(family, corpus);
      const place = join(folder, family);
      const options = { folder: place, cacheFolder: join(folder, "cache") };
      const stop = new AbortController();
      await run(experiment, {
        ...options,
        signal: stop.signal,
        onProgress: ({ step }) => step === 5 && stop.abort(),
      });
      // Two layers are trained by then, and the others are these again.
      const early = loadTrainedModel(place);
      expect(early.updates).to.equal(5);
      expect(early.experiment).to.deep.equal(experiment);
      expect(early.model.family).to.equal(family);
      const used = early.path().map(({ block }) => early.model.blocks.indexOf(block as never));
      expect(used).to.deep.equal([0, 0, 1, 1]);
      expect(early.path(2).map(({ block }) => early.model.blocks.indexOf(block as never))).to.deep.equal([0, 1]);
      const whole = materialised(early, early.path());
      expect(new Set(whole.blocks)).to.have.property("size", LAYERS);
      expect(outputOf(whole, straight(whole))).to.deep.equal(outputOf(early.model, early.path()));

      await run(experiment, { ...options, resume: true });
      const finished = loadTrainedModel(place);
      expect(finished.updates).to.equal(12);
      expect(finished.path()).to.deep.equal(straight(finished.model));
      expect(finished.tokenizer.vocabularySize).to.equal(finished.model.size.vocabulary);
      for (const depth of [0, 5, 1.5])
        expect(() => finished.path(depth)).to.throw(`depth must be a whole number from 1 to 4, not ${depth}`);
    });
  }

  it("says what is no run", () => {
    expect(() => loadTrainedModel(corpus)).to.throw(`${corpus} is not a run: it has no experiment.json`);
  });
});

describe("a path made into a model of its own", () => {
  it("computes what the path computes, scales of branches too", () => {
    const use = fc.record({ layer: fc.nat(LAYERS - 1), branchScale: fc.constantFrom(1, 0.5, 0.3, 1.7) });
    fc.assert(
      fc.property(
        fc.constantFrom("gpt" as const, "bert" as const),
        fc.constantFrom("pre" as const, "post" as const),
        fc.array(use, { minLength: 1, maxLength: 6 }),
        (family, norm, uses) => {
          const experiment = experimentOf(family, "brown", norm);
          const model = family === "gpt" ? new Gpt(experiment.model) : new Bert(experiment.model);
          const path = uses.map(({ layer, branchScale }) => ({ block: model.blocks[layer], branchScale }));
          const own = materialised({ experiment, model }, path);
          expect(own.size.layers).to.equal(uses.length);
          expectClose(outputOf(own, straight(own)), outputOf(model, path));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("refuses what still grows in", () => {
    const experiment = experimentOf("gpt");
    const model = new Gpt(experiment.model);
    const path = straight(model);
    const growing = path.with(2, { ...path[2], growthMask: 0.25 });
    expect(() => materialised({ experiment, model }, growing)).to.throw(
      "the layer at position 2 still grows in, with a mask of 0.25",
    );
    setGrowthMasks(model, { heads: { kept: 1, factor: 0.5 } });
    expect(() => materialised({ experiment, model }, path)).to.throw("units that still grow in");
    setGrowthMasks(model, { heads: { kept: 1, factor: 1 } });
    expect(materialised({ experiment, model }, path).blocks).to.have.length(LAYERS);
  });
});
