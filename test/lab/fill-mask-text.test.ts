import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { Tokenizer } from "../../src/data/index.ts";
import { tokenizerJsonFromVocabTxt } from "../../src/data/vocabulary-files.ts";
import { parseExperiment } from "../../src/lab/experiment.ts";
import { fillMaskText } from "../../src/lab/fill-mask-text.ts";
import { run } from "../../src/lab/run.ts";
import { loadTrainedModel } from "../../src/lab/trained-model.ts";
import { Bert, fillMask } from "../../src/nn/index.ts";
import { savePretrained } from "../../src/pretrained/index.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

describe("filling the masks of a text", () => {
  let folder: string;
  let corpus: string;
  const place = (name: string) => join(folder, name);

  before(async () => {
    ({ folder, corpus } = makeSmallCorpus("fill-mask"));
    for (const family of ["gpt", "bert"] as const) {
      const experiment = parseExperiment({
        name: family,
        model: { family, layers: 2, hidden: 16, heads: 2, context: 16, vocabulary: 300 },
        data: { corpus, validationFraction: 0.2, validationTokens: 256 },
        recipe: { kind: "scratch" },
        training: { steps: 4, batch: 4, learningRate: { peak: 3e-3 } },
        evaluations: 1,
      });
      await run(experiment, { folder: place(family), cacheFolder: place("cache") });
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  it("puts the mask between the tokens around it, and its space with what it hides", () => {
    const { model, tokenizer, path } = loadTrainedModel(place("bert"));
    const { classification, separator, mask } = tokenizer.special;
    const words = (text: string) => [...tokenizer.encode(text)];
    for (const [text, middle] of [
      ["the [MASK] sea", [...words("the"), mask!, ...words(" sea")]],
      ["[MASK] sea", [mask!, ...words(" sea")]],
      ["quiet  [MASK]", [...words("quiet "), mask!]],
      ["the[MASK] [MASK].", [...words("the"), mask!, mask!, ...words(".")]],
    ] as const) {
      const ids = [classification!, ...middle, separator!];
      const positions = [...ids.keys()].filter((position) => ids[position] === mask);
      const expected = fillMask(model as never, ids, { positions, count: 4, path: path() });
      expect(fillMaskText(place("bert"), { text, count: 4 })).to.deep.equal(
        expected.map((candidates) =>
          candidates.map(({ token, probability }) => ({ text: tokenizer.decode([token]), probability })),
        ),
      );
    }
  });

  it("refuses a text without a mask, one that is too long, and what is no BERT, in one sentence", () => {
    const fill = (name: string, text: string) => () => fillMaskText(place(name), { text, count: 1 });
    expect(fill("bert", "the sea")).to.throw('there is no [MASK] in "the sea"');
    expect(fill("gpt", "the [MASK]")).to.throw(`${place("gpt")} holds a gpt model; only bert fills masks`);
    expect(fill("bert", "[MASK]".repeat(15))).to.throw(
      /the text has 17 tokens with \[CLS\] and \[SEP\], and .* sees 16/,
    );
    expect(fill("cache", "[MASK]")).to.throw("holds neither a run");
    const path = join(place("bert"), "tokenizer.json");
    const json = loadTrainedModel(place("bert")).tokenizer.toJson();
    const others = json.added_tokens.filter(({ content }) => content !== "[SEP]");
    writeFileSync(path, JSON.stringify({ ...json, added_tokens: others }));
    expect(fill("bert", "[MASK]")).to.throw(
      `${place("bert")}: the tokenizer lacks [CLS], [SEP] or [MASK], which filling masks needs`,
    );
  });

  it("names the folder whose weights are damaged", () => {
    const tokenizer = Tokenizer.fromJson(
      tokenizerJsonFromVocabTxt({ vocab: "[UNK]\n[CLS]\n[SEP]\n[MASK]\nsea\n", lowercase: true }),
    );
    const model = new Bert({ layers: 1, hidden: 4, heads: 2, context: 8, vocabulary: 5 });
    model.tokenEmbedding.weight.numbers.fill(Number.NaN);
    savePretrained(place("damaged"), { model, tokenizer });
    expect(() => fillMaskText(place("damaged"), { text: "sea [MASK]", count: 1 })).to.throw(
      `${place("damaged")}: the model's weights are damaged: its outputs are not numbers`,
    );
  });
});
