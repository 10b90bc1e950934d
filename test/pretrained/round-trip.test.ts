import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { FAMILY_SPECIAL_TOKENS, Tokenizer, trainBpe } from "../../src/data/index.ts";
import {
  Bert,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  Gpt,
  GptForSequenceClassification,
} from "../../src/nn/index.ts";
import {
  fromPretrained,
  isPretrainedFolder,
  type PretrainedModel,
  savePretrained,
} from "../../src/pretrained/index.ts";
import { randomise } from "../nn/tiny-models.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const arbitraryModel = fc
  .record({
    kind: fc.constantFrom("gpt", "causal", "masked", "sequence", "token", "answer"),
    layers: fc.integer({ min: 0, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    headSize: fc.integer({ min: 1, max: 4 }),
    context: fc.integer({ min: 1, max: 7 }),
    vocabulary: fc.integer({ min: 1, max: 13 }),
    inner: fc.option(fc.integer({ min: 1, max: 19 }), { nil: undefined }),
    epsilon: fc.constantFrom(undefined, 1e-5, 1e-12, 0.125),
    dropout: fc.constantFrom(0, 0.1, 0.3),
    headDropout: fc.constantFrom(undefined, 0.5),
    outputs: fc.integer({ min: 1, max: 4 }),
    seed: fc.nat(1000),
  })
  .map(({ kind, headSize, ...options }) => ({ kind, options: { ...options, hidden: headSize * options.heads } }));

const CLASSES = {
  ...{ gpt: Gpt, causal: GptForSequenceClassification, masked: Bert, sequence: BertForSequenceClassification },
  ...{ token: BertForTokenClassification, answer: BertForQuestionAnswering },
};

/** Every file of a folder by its name. */
const contents = (folder: string) =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "latin1")]));

describe("models written and read", () => {
  it("have the same weights to the bit, and are written to the same bytes again", () => {
    fc.assert(
      fc.property(arbitraryModel, ({ kind, options }) => {
        const made = new CLASSES[kind](options) as PretrainedModel;
        randomise(made, options.seed);
        const labels = Array.from({ length: options.outputs }, (_, id) => `label ${id}`);
        withTemporaryFolder((folder) => {
          const [first, second] = [join(folder, "first"), join(folder, "second")];
          savePretrained(first, { model: made, ...("outputs" in made && { labels }) });
          expect(isPretrainedFolder(first)).to.equal(true);
          const read = fromPretrained(first);
          expect(read.model).to.be.instanceOf(CLASSES[kind]);
          expect(read.labels).to.deep.equal("outputs" in made ? labels : []);
          expect(read.model.stateDict()).to.deep.equal(made.stateDict());
          savePretrained(second, read);
          expect(contents(second)).to.deep.equal(contents(first));
        });
      }),
      { numRuns: 60 },
    );
  });

  it("have their tokenizer beside them, to the same bytes again", () => {
    const size = { layers: 1, hidden: 4, heads: 2, context: 8, vocabulary: 270 };
    const texts = ["shared layers, shared weights"];
    const classifier = new GptForSequenceClassification({ ...size, outputs: 2 });
    for (const model of [new Gpt(size), classifier, new Bert(size)]) {
      const { family } = model;
      const specialTokens = FAMILY_SPECIAL_TOKENS[family];
      const tokenizer = Tokenizer.fromJson(trainBpe({ texts, vocabularySize: 270, specialTokens, minimumCount: 1 }));
      withTemporaryFolder((folder) => {
        const [first, second] = [join(folder, "first"), join(folder, "second")];
        savePretrained(first, { model, tokenizer });
        const read = fromPretrained(first);
        expect(read.tokenizer!.encode(texts[0])).to.deep.equal(tokenizer.encode(texts[0]));
        savePretrained(second, read);
        expect(contents(second)).to.deep.equal(contents(first));
        const json = (name: string) => JSON.parse(contents(first).get(name)!);
        const padding = [json("config.json").pad_token_id, json("tokenizer_config.json").pad_token];
        if (family === "bert") expect(padding).to.deep.equal([0, "[PAD]"]);
        // A language model's sequences are as long as its context.
        else if (model !== classifier) expect(padding).to.deep.equal([undefined, undefined]);
        else expect(padding).to.deep.equal([tokenizer.special.endOfText, "<|endoftext|>"]);
        const small = new Gpt({ ...size, vocabulary: 200 });
        const complaint = `the tokenizer has ids up to ${tokenizer.vocabularySize - 1}, the model a vocabulary of 200`;
        expect(() => savePretrained(second, { model: small, tokenizer })).to.throw(complaint);
        if (family === "bert") return;
        savePretrained(second, { model: small });
        expect(() => fromPretrained(second)).to.throw(`${second}: ${complaint}`);
      });
    }
  });

  it("stand in one file in the order of names, as it is usual there", () => {
    withTemporaryFolder((folder) => {
      const model = new Gpt({ layers: 11, hidden: 2, heads: 1, context: 2, vocabulary: 3 });
      savePretrained(folder, { model });
      const bytes = readFileSync(join(folder, "model.safetensors"));
      const { __metadata__: metadata, ...tensors } = JSON.parse(
        bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString(),
      );
      expect(metadata).to.deep.equal({ format: "pt" });
      const names = Object.keys(tensors);
      expect(names).to.deep.equal(names.toSorted());
      expect(names.slice(0, 2)).to.deep.equal([
        "transformer.h.0.attn.c_attn.bias",
        "transformer.h.0.attn.c_attn.weight",
      ]);
      expect(names).to.not.include("lm_head.weight");
    });
  });

  it("are refused where Hugging Face has no class, before anything is written", () => {
    const size = { layers: 1, hidden: 4, heads: 2, context: 3, vocabulary: 5 };
    const labelled = new BertForTokenClassification({ ...size, outputs: 2 });
    const refused: [PretrainedModel, string, string[]?][] = [
      [new Gpt({ ...size, norm: "post" }), "no class for this model: it is a post-LN GPT"],
      [
        new GptForSequenceClassification({ ...size, norm: "post", outputs: 2 }),
        "no class for this model: it is a post-LN GPT",
      ],
      [new Bert({ ...size, norm: "pre" }), "no class for this model: it is a pre-LN BERT"],
      [
        new Bert({ ...size, activation: "gelu-tanh" }),
        "no class for this model: its layers have gelu-tanh and its head gelu",
      ],
      [labelled, "savePretrained: the model has 2 outputs with names, not 3", ["a", "b", "c"]],
      [labelled, 'savePretrained: the label "a" names two outputs', ["a", "a"]],
      [new Gpt(size), "savePretrained: the model has 0 outputs with names, not 1", ["a"]],
    ];
    withTemporaryFolder((folder) => {
      for (const [model, complaint, labels] of refused)
        expect(() => savePretrained(folder, { model, labels })).to.throw(complaint);
      expect(readdirSync(folder)).to.deep.equal([]);
      expect(isPretrainedFolder(folder)).to.equal(false);
    });
  });
});
