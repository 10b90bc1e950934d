import { expect } from "chai";
import fc from "fast-check";
import { trainBpe } from "../../src/data/bpe-trainer.ts";
import { BYTE_CHARACTERS } from "../../src/data/byte-alphabet.ts";
import { Tokenizer } from "../../src/data/tokenizer.ts";
import { wordPieceTokenizerJson } from "../../src/data/tokenizer-json.ts";
import {
  mergesTxt,
  readBertVocabulary,
  readByteLevelVocabulary,
  tokenizerJsonFromVocabJson,
  tokenizerJsonFromVocabTxt,
  vocabJson,
  vocabTxt,
} from "../../src/data/vocabulary-files.ts";
import { bertVocabulary, gptVocabulary } from "./real-vocabularies.ts";

const letters = fc.string({ unit: fc.constantFrom("a", "b", "1", "2", " ", "é", "\n", '"', "\\") });

describe("vocabulary files", () => {
  it("of BERT are read, and written as they were", () => {
    const vocab = bertVocabulary();
    const json = tokenizerJsonFromVocabTxt({ vocab, lowercase: true });
    expect(vocabTxt(json)).to.equal(vocab);
    const tokenizer = Tokenizer.fromJson(json);
    expect(tokenizer.vocabularySize).to.equal(30522);
    expect(tokenizer.special).to.deep.equal({
      padding: 0,
      unknown: 100,
      classification: 101,
      separator: 102,
      mask: 103,
    });
    expect(tokenizer.special.endOfText).to.equal(undefined);
    // Ids that anyone who has used BERT has seen.
    expect([...tokenizer.encode("Hello world!")]).to.deep.equal([7592, 2088, 999]);
    expect(json.model.vocab["[unused0]"]).to.equal(1);
    expect(tokenizer.specialIds.has(1)).to.equal(false);
  });

  it("of GPT-2 are read, and written as they were", () => {
    const files = gptVocabulary();
    const json = tokenizerJsonFromVocabJson(files);
    expect(JSON.parse(vocabJson(json))).to.deep.equal(JSON.parse(files.vocab));
    expect(mergesTxt(json)).to.equal(files.merges);
    const tokenizer = Tokenizer.fromJson(json);
    expect(tokenizer.vocabularySize).to.equal(50257);
    expect(tokenizer.special).to.deep.equal({ endOfText: 50256 });
    expect([...tokenizer.encode("Hello world!")]).to.deep.equal([15496, 995, 0]);
  });

  it("come back as they were written", () => {
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1 }), fc.integer({ min: 258, max: 300 }), (texts, vocabularySize) => {
        fc.pre(texts.join("") !== "");
        const json = trainBpe({ texts, vocabularySize, specialTokens: ["<|endoftext|>"] });
        const again = tokenizerJsonFromVocabJson({ vocab: vocabJson(json), merges: mergesTxt(json) });
        expect(again).to.deep.equal(json);
      }),
      { seed: 1, numRuns: 100 },
    );
    const token = fc.string({ unit: fc.constantFrom("a", "1", "#", "é", "中", "[", '"'), minLength: 1 });
    fc.assert(
      fc.property(
        fc.uniqueArray(token),
        fc.boolean(),
        fc.constantFrom(undefined, true, false),
        (some, lowercase, stripAccents) => {
          const tokens = ["[PAD]", ...some, "[UNK]", "[MASK]"];
          const specialTokens = ["[PAD]", "[UNK]", "[MASK]"];
          const json = wordPieceTokenizerJson({ specialTokens, tokens, lowercase, stripAccents });
          expect(readBertVocabulary({ vocab: vocabTxt(json) })).to.deep.equal(tokens);
          expect(tokenizerJsonFromVocabTxt({ vocab: vocabTxt(json), lowercase, stripAccents })).to.deep.equal(json);
        },
      ),
      { seed: 2, numRuns: 100 },
    );
  });

  it("may end lines as on Windows, and the last line not at all", () => {
    expect(readBertVocabulary({ vocab: "[UNK]\r\na\r\n##b" })).to.deep.equal(["[UNK]", "a", "##b"]);
    const { vocab } = gptVocabulary();
    expect(readByteLevelVocabulary({ vocab, merges: "t h\r\nth e" }).merges).to.deep.equal([
      ["t", "h"],
      ["th", "e"],
    ]);
  });

  it("of tokens beside the model's are written whole", () => {
    const json = trainBpe({ texts: ["ab"], vocabularySize: 256 });
    const added = { id: 256, content: "<|endoftext|>", single_word: false, lstrip: false, rstrip: false };
    const whole = { ...json, added_tokens: [{ ...added, normalized: false, special: true }] };
    expect(JSON.parse(vocabJson(whole))["<|endoftext|>"]).to.equal(256);
  });

  it("name the line or entry that is wrong", () => {
    const bert = (vocab: string) => () => readBertVocabulary({ vocab, vocabName: "models/vocab.txt" });
    expect(bert("")).to.throw("models/vocab.txt holds no token");
    expect(bert("a\n\nb\n")).to.throw("models/vocab.txt line 2 is empty, but every line holds a token");
    expect(bert("a\nb\na\n")).to.throw('models/vocab.txt line 3 repeats the token "a" of line 1');
    expect(() => tokenizerJsonFromVocabTxt({ vocab: "a\n", lowercase: true })).to.throw(
      "vocab.txt: a WordPiece vocabulary needs the token [UNK], and this one lacks it",
    );

    const bytes = Object.fromEntries(BYTE_CHARACTERS.map((token, id) => [token, id]));
    const gpt =
      (vocab: object | string, merges = "") =>
      () =>
        readByteLevelVocabulary({ vocab: typeof vocab === "string" ? vocab : JSON.stringify(vocab), merges });
    expect(gpt("{")).to.throw("vocab.json is not JSON: ");
    expect(gpt([])).to.throw("vocab.json is not an object of ids by token");
    expect(gpt({})).to.throw("vocab.json holds no token");
    expect(gpt({ a: "1" })).to.throw('vocab.json: the id of "a" is "1"');
    expect(gpt({ a: 0.5 })).to.throw('vocab.json: the id of "a" is 0.5');
    expect(gpt({ a: -1 })).to.throw('vocab.json: the id of "a" is -1');
    expect(gpt({ a: 0, b: 0 })).to.throw('vocab.json: "a" and "b" have the same id 0');
    expect(gpt({ a: 0, b: 2 })).to.throw("vocab.json: no token has the id 1, but ids go up to 2");
    expect(gpt({ a: 0, b: 1 })).to.throw('vocab.json lacks "Ā", the token of the byte 0');
    expect(gpt(bytes, "#version: 0.2\na b c\n")).to.throw('merges.txt line 2 is "a b c", but a merge is two tokens');
    expect(gpt(bytes, "a b\n")).to.throw('merges.txt line 1 needs the token "ab", which vocab.json lacks');
    expect(gpt({ ...bytes, ab: 256 }, "a b\n\na b\n")).to.throw('merges.txt line 2 is ""');
    expect(gpt({ ...bytes, ab: 256 }, "a b\na b\n")).to.throw('merges.txt line 2 repeats the merge "a b" of line 1');

    const json = wordPieceTokenizerJson({ specialTokens: [], tokens: ["[UNK]", "a\nb"], lowercase: true });
    expect(() => vocabTxt(json)).to.throw('the token "a\\nb" cannot stand on a line of vocab.txt');
    expect(() => mergesTxt(json)).to.throw("a tokenizer of type WordPiece has no merges");
    const gap = { ...json, model: { ...json.model, vocab: { "[UNK]": 0, a: 2 } } };
    expect(() => vocabJson(gap)).to.throw("the tokenizer: no token has the id 1, but ids go up to 2");
  });
});
