import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { expect } from "chai";
import fc from "fast-check";
import { trainBpe } from "../../src/data/bpe-trainer.ts";
import { loadCorpus } from "../../src/data/corpus.ts";
import { preTokens } from "../../src/data/pre-tokens.ts";
import { FAMILY_SPECIAL_TOKENS } from "../../src/data/special-tokens.ts";
import { Tokenizer } from "../../src/data/tokenizer.ts";
import type { TokenizerJson } from "../../src/data/tokenizer-json.ts";

const SPECIALS = [...FAMILY_SPECIAL_TOKENS.gpt, ...FAMILY_SPECIAL_TOKENS.bert];

/** Any well-formed text, and what tokenizers like to stumble over. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: "binary" }),
      fc.string({ unit: "binary-ascii" }),
      fc.constantFrom(
        ...SPECIALS,
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\u0000",
        "\uFEFF",
        "\u0085",
        "\u00a0",
        "\u0301",
        "👩‍👩‍👧",
        " .",
        " ' ",
        " n't",
        "don't",
        "'s",
        "Ġ",
        "Ċ",
        "__proto__",
      ),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

describe("Tokenizer", () => {
  let json: TokenizerJson;
  let tokenizer: Tokenizer;
  let library: LibraryTokenizer;
  let samples: string[];
  before(() => {
    samples = loadCorpus("brown")
      .filter((_, index) => index % 25 === 0)
      .map((document) => document.text);
    json = trainBpe({ texts: samples, vocabularySize: 1000, specialTokens: SPECIALS });
    tokenizer = Tokenizer.fromJson(JSON.stringify(json));
    library = new LibraryTokenizer(json, { clean_up_tokenization_spaces: false });
  });

  it("gives back any well-formed text, and makes no special id of it", () => {
    fc.assert(
      fc.property(text, (original) => {
        expect(original.isWellFormed()).to.equal(true);
        const ids = tokenizer.encode(original);
        expect(tokenizer.decode(ids)).to.equal(original);
        expect(ids.some((id) => tokenizer.specialIds.has(id))).to.equal(false);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it("gives back special tokens that a text spells out", () => {
    const original = "a <|endoftext|>[MASK] b [CLS][SEP]<|endoftext|>";
    const ids = tokenizer.encode(original);
    expect(tokenizer.decode(ids)).to.equal(original);
    expect([...ids].filter((id) => tokenizer.specialIds.has(id))).to.deep.equal([]);
    // The library by itself, told of the special tokens, does make ids of them.
    expect(library.encode(original).ids).to.include(tokenizer.special.mask);
  });

  it("makes the library's ids", () => {
    for (const sample of samples) expect([...tokenizer.encode(sample)]).to.deep.equal(library.encode(sample).ids);
    fc.assert(
      fc.property(text, (original) => {
        fc.pre(original !== "" && SPECIALS.every((special) => !original.includes(special)));
        expect([...tokenizer.encode(original)]).to.deep.equal(library.encode(original).ids);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it("cuts text into pieces without losing a character", () => {
    fc.assert(
      fc.property(text, (original) => preTokens(original).join("") === original),
      { seed: 3, numRuns: 500 },
    );
  });

  it("decodes special ids as they are spelled", () => {
    const { endOfText, mask } = tokenizer.special;
    expect(tokenizer.decode([...tokenizer.encode("one"), endOfText!, mask!])).to.equal("one<|endoftext|>[MASK]");
    expect(tokenizer.decode([])).to.equal("");
  });

  it("compresses what it was trained on", () => {
    const bytes = samples.reduce((total, sample) => total + new TextEncoder().encode(sample).length, 0);
    const tokens = samples.reduce((total, sample) => total + tokenizer.encode(sample).length, 0);
    expect(bytes / tokens).to.be.greaterThan(2.4);
  });

  it("knows its sizes and special tokens, and its JSON makes the same tokenizer", () => {
    expect(tokenizer.vocabularySize).to.equal(1000);
    expect(tokenizer.special).to.deep.equal({
      endOfText: 0,
      padding: 1,
      unknown: 2,
      classification: 3,
      separator: 4,
      mask: 5,
    });
    expect([...tokenizer.specialIds]).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(tokenizer.toJson()).to.deep.equal(json);
    expect(Tokenizer.fromJson(trainBpe({ texts: ["x"], vocabularySize: 256 })).special).to.deep.equal({});
  });

  it("runs a tokenizer.json of another kind whole", () => {
    const vocab = Object.fromEntries(
      ["[UNK]", "[MASK]", "hello", "##s", "[", "]", "mask"].map((token, id) => [token, id]),
    );
    const wordPiece = Tokenizer.fromJson({
      ...json,
      added_tokens: [{ ...json.added_tokens[0], id: 1, content: "[MASK]" }],
      normalizer: { type: "BertNormalizer", lowercase: true },
      pre_tokenizer: { type: "BertPreTokenizer" },
      decoder: { type: "WordPiece", prefix: "##", cleanup: false },
      model: {
        type: "WordPiece",
        vocab,
        unk_token: "[UNK]",
        continuing_subword_prefix: "##",
        max_input_chars_per_word: 100,
      },
    });
    expect([...wordPiece.encode("Hellos [MASK]")]).to.deep.equal([2, 3, 4, 6, 5]);
    expect(wordPiece.special).to.deep.equal({ mask: 1 });
  });

  it("names what it cannot use", () => {
    expect(() => tokenizer.decode([5, 1000])).to.throw("1000 is no token id of a vocabulary of 1000");
    expect(() => tokenizer.decode([-1])).to.throw("-1 is no token id");
    expect(() => Tokenizer.fromJson("{")).to.throw("not a usable tokenizer.json");
    expect(() => Tokenizer.fromJson("{}")).to.throw("not a usable tokenizer.json");
  });
});
