import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import type { Document } from "../../src/data/document.ts";
import { contentHash } from "../../src/data/files.ts";
import { splitByDocument } from "../../src/data/split-by-document.ts";
import { type PrepareCorpusOptions, prepareCorpus } from "../../src/data/token-cache.ts";
import { decodeTokenFile, encodeTokenFile } from "../../src/data/token-file.ts";
import { Tokenizer } from "../../src/data/tokenizer.ts";

const documents: Document[] = Array.from({ length: 20 }, (_, index) => ({
  id: `d${index}`,
  text: `Document ${index} says: ${"some words again and again, ".repeat(index + 1)}end.`,
  genre: index % 2 === 0 ? "even" : "odd",
}));

describe("prepareCorpus", () => {
  let cacheFolder: string;
  beforeEach(() => {
    cacheFolder = mkdtempSync(join(tmpdir(), "cache-"));
  });
  afterEach(() => rmSync(cacheFolder, { recursive: true }));
  const prepare = (changes: Partial<PrepareCorpusOptions> = {}) =>
    prepareCorpus({
      corpus: documents,
      vocabularySize: 300,
      family: "gpt",
      validationFraction: 0.2,
      seed: 3,
      cacheFolder,
      ...changes,
    });
  const numbers = ({ train, validation }: ReturnType<typeof prepareCorpus>) => ({ train, validation });

  it("joins the documents of each side, each with its end", () => {
    for (const family of ["gpt", "bert"] as const) {
      const { tokenizer, train, validation, description } = prepare({ family });
      const end = family === "gpt" ? tokenizer.special.endOfText! : tokenizer.special.separator!;
      const split = splitByDocument(documents, { validationFraction: 0.2, seed: 3 });
      for (const [side, set] of [
        [split.train, train],
        [split.validation, validation],
      ] as const) {
        const starts = [...set.documentStarts, set.tokens.length];
        expect(starts).to.have.length(side.length + 1);
        side.forEach((document, index) => {
          const ids = set.tokens.subarray(starts[index], starts[index + 1]);
          expect(ids.at(-1)).to.equal(end);
          expect(tokenizer.decode(ids.subarray(0, -1))).to.equal(document.text);
        });
        expect(set.textBytes).to.equal(side.reduce((total, document) => total + document.text.length, 0));
      }
      expect(description).to.include({
        corpus: "documents",
        trainDocuments: 16,
        validationDocuments: 4,
        cached: false,
      });
      expect(description.genres).to.deep.equal({ even: 10, odd: 10 });
      expect(description.trainTokens).to.equal(train.tokens.length);
    }
  });

  it("trains the tokenizer on the training side alone", () => {
    const { validation } = splitByDocument(documents, { validationFraction: 0.2, seed: 3 });
    const changed = documents.map((document) =>
      validation.includes(document) ? { ...document, text: "zzzz ".repeat(100) } : document,
    );
    expect(prepare({ corpus: changed }).tokenizer.toJson()).to.deep.equal(prepare().tokenizer.toJson());
  });

  it("trains WordPiece where that is wished, apart from byte-level BPE in the cache", () => {
    const bpe = prepare({ family: "bert" });
    const { tokenizer, train, description } = prepare({ family: "bert", tokenizer: "wordpiece" });
    expect(description.cached).to.equal(false);
    expect(bpe.tokenizer.toJson().model.type).to.equal("BPE");
    expect(tokenizer.toJson().model.type).to.equal("WordPiece");
    const [document] = splitByDocument(documents, { validationFraction: 0.2, seed: 3 }).train;
    expect(tokenizer.decode(train.tokens.subarray(0, train.documentStarts[1] - 1))).to.equal(
      document.text.toLowerCase().replace(":", " :"),
    );
    expect(prepare({ family: "bert", tokenizer: "bpe" }).description.cached).to.equal(true);
    expect(prepare({ family: "bert", tokenizer: "wordpiece" }).description.cached).to.equal(true);
    expect(() => prepare({ tokenizer: "wordpiece" })).to.throw(
      "a GPT writes text, which the tokenizer wordpiece does not give back as it was: give bpe",
    );
  });

  it("finds what was cached before there was a choice of tokenizers", () => {
    prepare();
    expect(readdirSync(cacheFolder)).to.deep.equal(["tokens-29f4e01c000199bbc3ce265bbb0b2202.bin"]);
  });

  it("uses the cache the second time, and leaves no other file", () => {
    const first = prepare();
    const names = readdirSync(cacheFolder);
    expect(names).to.have.length(1);
    const written = statSync(join(cacheFolder, names[0])).mtimeMs;
    const messages: string[] = [];
    const second = prepare({ onProgress: (message) => messages.push(message) });
    expect(second.description).to.deep.equal({ ...first.description, cached: true });
    expect(numbers(second)).to.deep.equal(numbers(first));
    expect(second.tokenizer.toJson()).to.deep.equal(first.tokenizer.toJson());
    expect(messages).to.deep.equal(["reading the corpus"]);
    expect(readdirSync(cacheFolder)).to.deep.equal(names);
    expect(statSync(join(cacheFolder, names[0])).mtimeMs).to.equal(written);
  });

  it("keeps other documents and other settings apart", () => {
    const changes: Partial<PrepareCorpusOptions>[] = [
      {},
      { vocabularySize: 301 },
      { family: "bert" },
      { validationFraction: 0.3 },
      { seed: 4 },
      {
        corpus: documents.map((document, index) =>
          index === 7 ? { ...document, text: `${document.text} ` } : document,
        ),
      },
    ];
    for (const change of changes) expect(prepare(change).description.cached).to.equal(false);
    expect(readdirSync(cacheFolder)).to.have.length(changes.length);
  });

  it("encodes with a tokenizer that is given, whose content keeps what is remembered apart", () => {
    const own = prepare();
    const given = prepare({ encoder: own.tokenizer, vocabularySize: 1 });
    expect(given.description).to.deep.equal(own.description);
    expect(numbers(given)).to.deep.equal(numbers(own));
    expect(given.tokenizer.toJson()).to.deep.equal(own.tokenizer.toJson());
    // The size that was asked for means nothing now, and another object of the same content is the same tokenizer.
    const copy = Tokenizer.fromJson(JSON.stringify(own.tokenizer.toJson()));
    expect(prepare({ encoder: copy, vocabularySize: 2 }).description.cached).to.equal(true);
    const { tokenizer: other } = prepare({ vocabularySize: 280 });
    expect(numbers(prepare({ encoder: other }))).to.deep.equal(numbers(prepare({ vocabularySize: 280 })));
    expect(() => prepare({ encoder: other, family: "bert" })).to.throw(
      "the tokenizer has no special token [SEP], with which every document ends",
    );
    expect(readdirSync(cacheFolder)).to.have.length(4);
  });

  it("replaces a damaged file", () => {
    const first = prepare();
    const path = join(cacheFolder, readdirSync(cacheFolder)[0]);
    const whole = readFileSync(path);
    const flipped = Uint8Array.from(whole);
    flipped[whole.length - 9] ^= 1;
    for (const damaged of [
      new Uint8Array(),
      whole.subarray(0, 40),
      whole.subarray(0, -4),
      flipped,
      Buffer.concat([whole, whole]),
    ]) {
      writeFileSync(path, damaged);
      const again = prepare();
      expect(again.description.cached).to.equal(false);
      expect(numbers(again)).to.deep.equal(numbers(first));
      expect(readFileSync(path).equals(whole)).to.equal(true);
    }
  });

  it("refuses with a sentence and writes nothing", () => {
    expect(() => prepare({ vocabularySize: 200 })).to.throw("a vocabulary of 200 is too small");
    expect(() => prepare({ corpus: [] })).to.throw("a corpus of 0 document(s) is too small");
    expect(readdirSync(cacheFolder)).to.deep.equal([]);
    writeFileSync(join(cacheFolder, "file"), "");
    expect(() => prepare({ cacheFolder: join(cacheFolder, "file") })).to.throw(/^cannot write .*file/);
  });
});

describe("token files", () => {
  const set = fc.record({
    tokens: fc.int32Array(),
    documentStarts: fc.int32Array(),
    textBytes: fc.nat(),
  });
  const file = fc.record({ tokenizer: fc.constant({ version: "1.0" } as never), train: set, validation: set });

  it("come back as they were, wherever they lie in memory", () => {
    fc.assert(
      fc.property(file, fc.integer({ min: 0, max: 3 }), (content, shift) => {
        const bytes = encodeTokenFile(content, contentHash);
        const moved = new Uint8Array(bytes.length + shift).subarray(shift);
        moved.set(bytes);
        expect(decodeTokenFile(moved, contentHash)).to.deep.equal(content);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("show any changed byte and any lost end", () => {
    fc.assert(
      fc.property(file, fc.nat(), fc.integer({ min: 1, max: 255 }), (content, place, change) => {
        const bytes = encodeTokenFile(content, contentHash);
        expect(decodeTokenFile(bytes.subarray(0, place % bytes.length), contentHash)).to.equal(undefined);
        bytes[place % bytes.length] ^= change;
        expect(decodeTokenFile(bytes, contentHash)).to.equal(undefined);
      }),
      { seed: 2, numRuns: 200 },
    );
  });
});
