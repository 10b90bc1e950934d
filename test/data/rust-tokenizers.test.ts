/** The Rust library `tokenizers`, whose npm package trains with its default settings alone, as the oracle. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import * as rust from "tokenizers";
import { bertPieces } from "../../src/data/bert-pieces.ts";
import { trainBpe } from "../../src/data/bpe-trainer.ts";
import { BYTE_CHARACTERS } from "../../src/data/byte-alphabet.ts";
import { loadCorpus } from "../../src/data/corpus.ts";
import { countPieces } from "../../src/data/count-pieces.ts";
import { detokenise } from "../../src/data/detokenise.ts";
import { learnMerges } from "../../src/data/learn-merges.ts";
import { preTokens } from "../../src/data/pre-tokens.ts";
import { FAMILY_SPECIAL_TOKENS } from "../../src/data/special-tokens.ts";
import { Tokenizer } from "../../src/data/tokenizer.ts";
import type { TokenizerJson } from "../../src/data/tokenizer-json.ts";
import { tokenizerJsonFromVocabJson, tokenizerJsonFromVocabTxt, vocabTxt } from "../../src/data/vocabulary-files.ts";
import { joinWordPieces, trainWordPiece, wordPieceWords } from "../../src/data/word-piece-trainer.ts";
import { bertVocabulary, gptVocabulary } from "./real-vocabularies.ts";

const sentencesOf = (count: number): string[] => {
  const documents = loadCorpus("brown").filter((_, index) => index % 25 === 0);
  const all = documents.flatMap(({ taggedSentences }) =>
    taggedSentences!.map((words) => words.map(({ token }) => token)),
  );
  const step = Math.floor(all.length / count);
  return Array.from({ length: count }, (_, index) => detokenise([all[index * step]]));
};

/** What corpora of one language do not hold: scripts, accents, marks, odd white space, long words. */
const ODD_TEXTS = [
  "Zoë’s naïve café — «déjà vu», ÅNGSTRÖM; e\u0301 n\u0303",
  "Ελληνικά ΟΔΟΣ, русский Ёлка, עברית, العربية, हिन्दी, ภาษาไทย",
  "日本語と中文和한국어 \u{20BB7}野家 ﾊﾟﾋﾟ",
  "tab\tnew\nline\r\n\r\n  spaces   \u00A0\u2003\u3000 end ",
  "a\u0085b\uFEFFc\u200Bd\u00ADe\u000Bf\0g\u2028h",
  "👩‍👩‍👧 🎉🎉 ☎️ ≠ ≤ ½ ² £5.00 $3 50% #1 a+b=c~d|e`f^g",
  "don't we'll they've I'm he'd it's O'Neill 's 'S",
  `${"long".repeat(40)} ${"x".repeat(100)} ${"x".repeat(101)} 12345678901234567890`,
  "",
  " ",
];

const oracleOf = (json: TokenizerJson) => rust.Tokenizer.fromString(JSON.stringify(json));

async function oracleIds(oracle: rust.Tokenizer, texts: readonly string[]): Promise<number[][]> {
  const encodings = await Promise.all(texts.map((text) => oracle.encode(text, null, { addSpecialTokens: false })));
  return encodings.map((encoding) => encoding.getIds());
}

const ownIds = (tokenizer: Tokenizer, texts: readonly string[]) => texts.map((text) => [...tokenizer.encode(text)]);

const inOrder = (vocabulary: Record<string, number>): string[] =>
  Object.entries(vocabulary)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);

describe("the Rust library", () => {
  let sentences: string[];
  before(() => {
    sentences = sentencesOf(1000);
  });

  describe("encodes with real vocabularies, token for token the same", () => {
    let gpt: TokenizerJson;
    let bert: TokenizerJson;
    before(() => {
      gpt = tokenizerJsonFromVocabJson(gptVocabulary());
      bert = tokenizerJsonFromVocabTxt({ vocab: bertVocabulary(), lowercase: true });
    });

    it("1,000 sentences, odd texts, and words that were cut before with GPT-2's", async () => {
      const texts = [...sentences, ...ODD_TEXTS];
      const tokenizer = Tokenizer.fromJson(gpt);
      const oracle = oracleOf(gpt);
      expect(ownIds(tokenizer, texts)).to.deep.equal(await oracleIds(oracle, texts));
      const words = sentences.slice(0, 200).flatMap((sentence) => sentence.split(" "));
      const spaced = words.map((word, index) => (index === 0 ? word : ` ${word}`));
      expect(tokenizer.encodeWords(words)).to.deep.equal(await oracleIds(oracle, spaced));
    });

    it("1,000 sentences, odd texts, and words that were cut before with BERT's, uncased and as if cased", async () => {
      const texts = [...sentences, ...ODD_TEXTS];
      const cased = tokenizerJsonFromVocabTxt({ vocab: vocabTxt(bert), lowercase: false });
      for (const json of [bert, cased]) {
        const tokenizer = Tokenizer.fromJson(json);
        const oracle = oracleOf(json);
        expect(ownIds(tokenizer, texts)).to.deep.equal(await oracleIds(oracle, texts));
        const words = sentences.slice(0, 200).flatMap((sentence) => sentence.split(" "));
        expect(tokenizer.encodeWords(words)).to.deep.equal(await oracleIds(oracle, words));
      }
    });
  });

  describe("is trained to the same vocabulary", () => {
    let folder: string;
    let path: string;
    let texts: string[];
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "tokenizers-"));
      path = join(folder, "brown.txt");
      const documents = loadCorpus("brown").filter((_, index) => index % 12 === 0);
      texts = documents.slice(0, 40).map(({ text }) => text);
      writeFileSync(path, texts.join("\n"));
    });
    after(() => rmSync(folder, { recursive: true }));

    it("by WordPiece, to the last token where letters that go on with a word get its order", () => {
      const oracle = new rust.Tokenizer(rust.WordPiece.empty());
      oracle.setNormalizer(rust.bertNormalizer());
      oracle.setPreTokenizer(rust.bertPreTokenizer());
      oracle.train([path]);
      const theirs = inOrder(oracle.getVocab(false));

      const counts = countPieces(texts, (text) => bertPieces(text, { lowercase: true }).map((piece) => piece.text));
      const { words, alphabet } = wordPieceWords(counts, Number.POSITIVE_INFINITY);
      const theirAlphabet = theirs.slice(0, alphabet.length);
      expect([...theirAlphabet].sort()).to.deep.equal([...alphabet].sort());
      const begin = alphabet.filter((token) => !/^##./.test(token));
      expect(theirAlphabet.slice(0, begin.length)).to.deep.equal(begin);
      const symbol = new Map(theirAlphabet.map((token, id) => [token, id]));
      const { tokens } = learnMerges({
        words: words.map(({ symbols, count }) => ({ symbols: symbols.map((id) => symbol.get(alphabet[id])!), count })),
        alphabet: theirAlphabet,
        alphabetKind: "characters",
        join: joinWordPieces,
        vocabularySize: theirs.length,
        specialTokens: [],
        minimumCount: 1,
      });
      expect(tokens.length).to.be.greaterThan(15_000);
      expect(tokens).to.deep.equal(theirs);

      // With our own order other ties are won, so the order of tokens differs, but hardly which there are.
      const own = trainWordPiece({ texts, vocabularySize: 1501, specialTokens: ["[UNK]"] });
      const made = inOrder(own.model.vocab).slice(1);
      expect(made.sort()).to.deep.equal(theirs.slice(0, 1500).sort());
    });

    it("by byte-level BPE, to the last merge where bytes get its order", () => {
      const oracle = new rust.Tokenizer(rust.BPE.empty());
      oracle.setPreTokenizer(rust.byteLevelPreTokenizer(false));
      oracle.train([path]);
      const theirs = inOrder(oracle.getVocab(false));

      const alphabet = theirs.filter((token) => token.length === 1);
      expect(theirs.slice(0, alphabet.length)).to.deep.equal(alphabet);
      const symbol = new Map(alphabet.map((token, id) => [token, id]));
      const encoder = new TextEncoder();
      const words = Array.from(countPieces(texts, preTokens), ([piece, count]) => ({
        symbols: Array.from(encoder.encode(piece), (byte) => symbol.get(BYTE_CHARACTERS[byte])!),
        count,
      }));
      const { tokens } = learnMerges({
        words,
        alphabet,
        alphabetKind: "bytes",
        join: (left, right) => left + right,
        vocabularySize: theirs.length,
        specialTokens: [],
        minimumCount: 1,
      });
      expect(tokens.length).to.be.greaterThan(15_000);
      expect(tokens).to.deep.equal(theirs);

      const own = trainBpe({ texts, vocabularySize: 256 + 1500 });
      const made = inOrder(own.model.vocab).slice(256);
      const merged = new Set(theirs.slice(alphabet.length, alphabet.length + 1500));
      expect(made.filter((token) => !merged.has(token)).length).to.be.at.most(15);
    });

    it("and runs what was trained here", async () => {
      const held = [...sentences.slice(0, 300), ...ODD_TEXTS];
      const bpe = trainBpe({ texts, vocabularySize: 1500, specialTokens: FAMILY_SPECIAL_TOKENS.gpt });
      const wordPiece = trainWordPiece({ texts, vocabularySize: 1500 });
      const cased = trainWordPiece({ texts, vocabularySize: 1500, lowercase: false });
      for (const json of [bpe, wordPiece, cased]) {
        const oracle = oracleOf(json);
        const tokenizer = Tokenizer.fromJson(json);
        const ids = ownIds(tokenizer, held);
        expect(ids).to.deep.equal(await oracleIds(oracle, held));
        for (const each of ids.slice(0, 100)) expect(tokenizer.decode(each)).to.equal(await oracle.decode(each, false));
      }
    });

    it("and frames texts as BERT does", async () => {
      const json = trainWordPiece({ texts, vocabularySize: 1500 });
      const oracle = oracleOf(json);
      const tokenizer = Tokenizer.fromJson(json);
      const { classification, separator } = tokenizer.special;
      const [first, second] = ["The jury said.", "It was Friday"].map((text) => [...tokenizer.encode(text)]);
      const alone = await oracle.encode("The jury said.");
      expect(alone.getIds()).to.deep.equal([classification, ...first, separator]);
      expect(alone.getTypeIds()).to.deep.equal(Array(first.length + 2).fill(0));
      const pair = await oracle.encode("The jury said.", "It was Friday");
      expect(pair.getIds()).to.deep.equal([classification, ...first, separator, ...second, separator]);
      const types = [...Array(first.length + 2).fill(0), ...Array(second.length + 1).fill(1)];
      expect(pair.getTypeIds()).to.deep.equal(types);
    });
  });
});
