import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { expect } from "chai";
import fc from "fast-check";
import { bertPieces } from "../../src/data/bert-pieces.ts";
import { trainBpe } from "../../src/data/bpe-trainer.ts";
import { loadCorpus } from "../../src/data/corpus.ts";
import { preTokens } from "../../src/data/pre-tokens.ts";
import { FAMILY_SPECIAL_TOKENS } from "../../src/data/special-tokens.ts";
import { Tokenizer } from "../../src/data/tokenizer.ts";
import type { TokenizerJson } from "../../src/data/tokenizer-json.ts";
import { trainWordPiece } from "../../src/data/word-piece-trainer.ts";

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
    const bpe = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] };
    const cases: [content: unknown, problem: string][] = [
      [null, "it is no JSON object"],
      [
        { model: { ...bpe, type: "Unigram" } },
        'its model is of type "Unigram"; those that are run are BPE and WordPiece',
      ],
      [{ model: { ...bpe, vocab: { a: "0" } } }, 'the id of the token "a" is "0", not a whole number from 0'],
      [{ model: { ...bpe, vocab: undefined } }, "its model has no vocab, an id for every token"],
      [{ model: { type: "BPE", vocab: {} } }, "its model has no list of merges"],
      [{ model: { ...bpe, merges: ["a b", "a"] } }, 'its merge 1 is "a", not two tokens'],
      [{ model: bpe, added_tokens: [{ content: "x" }] }, 'an added token is {"content":"x"}, without content and id'],
      [{ model: bpe, pre_tokenizer: {} }, "its pre_tokenizer is {}, which has no type"],
      [{ model: { ...bpe, vocab: { a: 0, b: 1, ab: 0 } } }, 'its tokens "a" and "ab" have the same id 0'],
    ];
    for (const [content, problem] of cases)
      expect(() => Tokenizer.fromJson(JSON.stringify(content))).to.throw(`not a usable tokenizer.json: ${problem}`);
  });
});

describe("ids of a tokenizer.json", () => {
  const token = (content: string, id: number) => ({ ...json.added_tokens[0], content, id });
  const json = trainBpe({ texts: ["a"], vocabularySize: 257, specialTokens: ["<|endoftext|>"] });
  const { vocab } = json.model;
  const known = fc.constantFrom(...Object.keys(vocab));

  it("stand for one token each, in the vocabulary and beside it", () => {
    fc.assert(
      fc.property(known, known, fc.boolean(), (first, second, isAdded) => {
        fc.pre(first !== second);
        const id = vocab[first];
        const { [second]: _, ...others } = vocab;
        const spoilt = isAdded
          ? { ...json, model: { ...json.model, vocab: others }, added_tokens: [token(second, id)] }
          : { ...json, model: { ...json.model, vocab: { ...vocab, [second]: id } } };
        for (const part of [JSON.stringify(first), JSON.stringify(second), ` have the same id ${id}`])
          expect(() => Tokenizer.fromJson(spoilt)).to.throw(part);
      }),
      { numRuns: 60 },
    );
  });

  it("may be told again by added tokens, and there more than once", () => {
    fc.assert(
      fc.property(fc.array(known, { maxLength: 4 }), fc.nat(9), (repeated, beyond) => {
        const fresh = token("[NEW]", 257 + beyond);
        const added_tokens = [...json.added_tokens, ...repeated.map((one) => token(one, vocab[one])), fresh, fresh];
        expect(Tokenizer.fromJson({ ...json, added_tokens }).vocabularySize).to.equal(258 + beyond);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a tokenizer's pieces", () => {
  let byteLevel: Tokenizer;
  let wordPiece: Tokenizer;
  let cased: Tokenizer;
  before(() => {
    const texts = loadCorpus("brown")
      .filter((_, index) => index % 50 === 0)
      .map((document) => document.text);
    byteLevel = Tokenizer.fromJson(trainBpe({ texts, vocabularySize: 800, specialTokens: SPECIALS }));
    wordPiece = Tokenizer.fromJson(trainWordPiece({ texts, vocabularySize: 800 }));
    cased = Tokenizer.fromJson(trainWordPiece({ texts, vocabularySize: 800, lowercase: false }));
  });

  it("have, joined, the ids of the text", () => {
    for (const tokenizer of [byteLevel, wordPiece, cased])
      fc.assert(
        fc.property(text, (original) => {
          const pieces = tokenizer.encodePieces(original);
          expect(pieces.flatMap(({ ids }) => ids)).to.deep.equal([...tokenizer.encode(original)]);
          expect(pieces.every(({ ids }) => ids.length > 0)).to.equal(true);
        }),
        { seed: 4, numRuns: 300 },
      );
  });

  it("lie in the text in order, and byte-level ones decode to their place and at most a space before it", () => {
    fc.assert(
      fc.property(text, (original) => {
        let before = 0;
        for (const { ids, start, end } of byteLevel.encodePieces(original)) {
          const decoded = byteLevel.decode(ids);
          expect(decoded).to.equal(original.slice(before, end));
          expect(original.slice(before, start)).to.be.oneOf(["", " "]);
          expect(end).to.be.greaterThan(start);
          before = end;
        }
        expect(before).to.equal(original.length);
        before = 0;
        for (const { start, end } of wordPiece.encodePieces(original)) {
          expect(start).to.be.at.least(before);
          expect(end).to.be.greaterThan(start);
          before = end;
        }
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it("point past the space before a word, but white space keeps its place", () => {
    const places = (tokenizer: Tokenizer, original: string) =>
      tokenizer.encodePieces(original).map(({ start, end }) => original.slice(start, end));
    expect(places(byteLevel, " The  café's\n")).to.deep.equal(["The", " ", "café", "'s", "\n"]);
    expect(places(wordPiece, " The  Cafe\u0301's\n")).to.deep.equal(["The", "Cafe\u0301", "'", "s"]);
  });

  it("of words that were cut before are the words' own", () => {
    for (const tokenizer of [byteLevel, wordPiece]) {
      expect(tokenizer.encodeWords([])).to.deep.equal([]);
      expect(tokenizer.encodeWords(["", "the", ""])[0]).to.deep.equal([]);
      expect(tokenizer.encodeWords(["", "the", ""])[2]).to.deep.equal([]);
    }
    expect(byteLevel.encodeWords(["the", "the"])).to.deep.equal([
      [...byteLevel.encode("the")],
      [...byteLevel.encode(" the")],
    ]);
    expect(wordPiece.encodeWords(["\u200B", "The"])).to.deep.equal([[], [...wordPiece.encode("the")]]);
    const word = fc.string({ unit: "grapheme", minLength: 1 }).filter((each) => !/\p{White_Space}/u.test(each));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        for (const tokenizer of [byteLevel, wordPiece])
          expect(tokenizer.encodeWords(words).flat()).to.deep.equal([...tokenizer.encode(words.join(" "))]);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it("give back by WordPiece what normalisation left, but for spaces and what is unknown", () => {
    for (const [tokenizer, lowercase] of [
      [wordPiece, true],
      [cased, false],
    ] as const)
      fc.assert(
        fc.property(text, (original) => {
          const ids = [...tokenizer.encode(original)];
          const pieces = bertPieces(original, { lowercase });
          const known = tokenizer.encodePieces(original).map(({ ids: [id] }) => id !== tokenizer.special.unknown);
          const left = pieces.map((piece, index) => (known[index] ? piece.text : "[UNK]")).join("");
          expect(tokenizer.decode(ids).replaceAll(" ", "")).to.equal(left);
        }),
        { seed: 7, numRuns: 500 },
      );
  });

  it("by WordPiece are never special ids but the unknown one, whatever the text spells", () => {
    expect(wordPiece.decode(wordPiece.encode("the [MASK] of"))).to.equal("the [UNK] mask [UNK] of");
    fc.assert(
      fc.property(text, (original) => {
        for (const id of wordPiece.encode(original))
          expect(id === wordPiece.special.unknown || !wordPiece.specialIds.has(id)).to.equal(true);
      }),
      { seed: 8, numRuns: 300 },
    );
    // Nor where a foreign vocabulary has a special token that is a word.
    const json = wordPiece.toJson();
    const vocab = { ...json.model.vocab, zebra: 800 };
    const added_tokens = [...json.added_tokens, { ...json.added_tokens[0], id: 800, content: "zebra" }];
    const foreign = Tokenizer.fromJson({ ...json, added_tokens, model: { ...json.model, vocab } });
    expect([...foreign.encode("zebra")]).to.deep.equal([...wordPiece.encode("zebra")]);
    expect(foreign.decode([800])).to.equal("zebra");
  });

  it("are not told where text is cut in ways that are not known", () => {
    const json = byteLevel.toJson();
    const prefixed = Tokenizer.fromJson({ ...json, pre_tokenizer: { type: "ByteLevel", add_prefix_space: true } });
    expect([...prefixed.encode("the")]).to.deep.equal([...byteLevel.encode(" the")]);
    const sentence = "a tokenizer that cuts text by ByteLevel with these options tells no pieces";
    expect(() => prefixed.encodePieces("the")).to.throw(sentence);
    expect(() => prefixed.encodeWords(["the"])).to.throw(sentence);
    const { vocab, ...model } = wordPiece.toJson().model;
    const { "[UNK]": _, ...rest } = vocab;
    expect(() => Tokenizer.fromJson({ ...wordPiece.toJson(), model: { ...model, vocab: rest } })).to.throw(
      "not a usable tokenizer.json: its vocabulary lacks the token for what is unknown, [UNK]",
    );
  });
});
