import { expect } from "chai";
import fc from "fast-check";
import { bertNormalizer, bertPreTokenizer } from "tokenizers";
import { bertPieces } from "../../src/data/bert-pieces.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("a", "É", "e\u0301", "\u0301", " ", "\n", ".", "≠", "中", "\u{20000}", "\0", "Σ"),
  }),
);
const options = fc.record({ lowercase: fc.boolean(), stripAccents: fc.boolean() });
const wordsOf = (original: string, lowercase = true) => bertPieces(original, { lowercase }).map((piece) => piece.text);

describe("bertPieces", () => {
  it("normalises and splits as BERT does", () => {
    expect(wordsOf("Don't  pay\t£5.00, café!")).to.deep.equal([
      "don",
      "'",
      "t",
      "pay",
      "£5",
      ".",
      "00",
      ",",
      "cafe",
      "!",
    ]);
    expect(wordsOf("Don't pay café", false)).to.deep.equal(["Don", "'", "t", "pay", "café"]);
    expect(wordsOf("a中国b")).to.deep.equal(["a", "中", "国", "b"]);
    expect(wordsOf("a\0b\uFFFDc\u200Bd\u000Be")).to.deep.equal(["abcde"]);
    expect(wordsOf("a\u00A0b\u2028c\u3000d")).to.deep.equal(["a", "b", "c", "d"]);
    expect(wordsOf("[MASK] a+b ≠")).to.deep.equal(["[", "mask", "]", "a", "+", "b", "="]);
    expect(wordsOf("ΟΔΟΣ")).to.deep.equal(["οδοσ"]);
    expect(wordsOf(" \n ")).to.deep.equal([]);
    expect(bertPieces("É", { lowercase: true, stripAccents: false })).to.deep.equal([{ text: "é", start: 0, end: 1 }]);
    expect(bertPieces("É", { lowercase: false, stripAccents: true })).to.deep.equal([{ text: "E", start: 0, end: 1 }]);
  });

  it("tells where pieces lie in the original text, accents with their letter", () => {
    const original = "  Cafe\u0301, 中\u{20000}x";
    const slices = bertPieces(original, { lowercase: true }).map(({ start, end }) => original.slice(start, end));
    expect(slices).to.deep.equal(["Cafe\u0301", ",", "中", "\u{20000}", "x"]);
  });

  it("gives places in order, without overlap, each of which is by itself that piece", () => {
    fc.assert(
      fc.property(text, options, (original, wished) => {
        let before = 0;
        for (const { text: piece, start, end } of bertPieces(original, wished)) {
          expect(start).to.be.at.least(before);
          expect(end).to.be.greaterThan(start);
          const again = bertPieces(original.slice(start, end), wished).map((part) => part.text);
          expect(again).to.include(piece);
          before = end;
        }
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  it("treats each character of the great scripts as the Rust library does", () => {
    // Unicode's first pages, what is punctuation and symbol, East Asia and the private and compatible pages. Elsewhere the library's
    // tables are older than JavaScript's: of all assigned characters, 631 differ (162 where case and accents are kept), Unicode 16.
    const ranges = [
      [0, 0x58f],
      [0x1e00, 0x2e42],
      [0x3000, 0xa4cf],
      [0xac00, 0xd7ff],
      [0xe000, 0xffff],
    ];
    const splitter = bertPreTokenizer();
    for (const lowercase of [true, false]) {
      const normalizer = bertNormalizer({
        cleanText: true,
        handleChineseChars: true,
        stripAccents: lowercase,
        lowercase,
      });
      const differing: string[] = [];
      for (const [first, last] of ranges)
        for (let point = first; point <= last; point++) {
          const character = String.fromCodePoint(point);
          // What is not assigned yet can be assigned in another version of Unicode.
          if (/\p{Cn}/u.test(character)) continue;
          const original = `x${character}y ${character}`;
          const pieces = splitter.preTokenizeString(normalizer.normalizeString(original)).map(([piece]) => piece);
          if (pieces.join("\n") !== wordsOf(original, lowercase).join("\n")) differing.push(point.toString(16));
        }
      expect(differing).to.deep.equal([]);
    }
  });
});
