import { expect } from "chai";
import fc from "fast-check";
import { trainBpe } from "../../src/data/bpe-trainer.ts";
import { BYTE_CHARACTERS } from "../../src/data/byte-alphabet.ts";
import { preTokens } from "../../src/data/pre-tokens.ts";

/** The definition, recounted from nothing before every merge. */
function plainMerges(texts: readonly string[], merges: number): string[] {
  const encoder = new TextEncoder();
  const symbols = [...BYTE_CHARACTERS];
  let words = texts.flatMap(preTokens).map((piece) => [...encoder.encode(piece)]);
  const made: string[] = [];
  while (symbols.length < 256 + merges) {
    const counts = new Map<string, number>();
    for (const word of words)
      for (let i = 1; i < word.length; i++)
        counts.set(`${word[i - 1]} ${word[i]}`, (counts.get(`${word[i - 1]} ${word[i]}`) ?? 0) + 1);
    const pairs = [...counts].map(([key, count]) => ({ count, pair: key.split(" ").map(Number) }));
    pairs.sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
    if (pairs.length === 0 || pairs[0].count < 2) break;
    const [left, right] = pairs[0].pair;
    made.push(`${symbols[left]} ${symbols[right]}`);
    const spelled = symbols[left] + symbols[right];
    if (!symbols.includes(spelled)) symbols.push(spelled);
    const id = symbols.indexOf(spelled);
    words = words.map((word) => {
      const next: number[] = [];
      for (let i = 0; i < word.length; i++) {
        const found = word[i] === left && word[i + 1] === right;
        next.push(found ? id : word[i]);
        if (found) i++;
      }
      return next;
    });
  }
  return made;
}

const letters = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "é", "\n"), maxLength: 60 });

describe("trainBpe", () => {
  it("makes the merges of the definition", () => {
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1, maxLength: 4 }), (texts) => {
        fc.pre(texts.join("") !== "");
        expect(trainBpe({ texts, vocabularySize: 256 + 30 }).model.merges).to.deep.equal(plainMerges(texts, 30));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("does not depend on the order of the texts", () => {
    fc.assert(
      fc.property(fc.array(letters, { minLength: 2, maxLength: 6 }), (texts) => {
        fc.pre(texts.join("") !== "");
        const backwards = trainBpe({ texts: texts.toReversed(), vocabularySize: 300 });
        expect(trainBpe({ texts, vocabularySize: 300 })).to.deep.equal(backwards);
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it("numbers special tokens first, then bytes, then merges", () => {
    const { model, added_tokens } = trainBpe({
      texts: ["low lower lowest"],
      vocabularySize: 261,
      specialTokens: ["[PAD]", "[MASK]"],
    });
    expect(added_tokens.map(({ id, content, special }) => [id, content, special])).to.deep.equal([
      [0, "[PAD]", true],
      [1, "[MASK]", true],
    ]);
    expect(model.vocab["[MASK]"]).to.equal(1);
    expect(model.vocab.a).to.equal(2 + 97);
    expect(model.vocab.Ġ).to.equal(2 + 32);
    // "lo" and "ow" both occur three times; o (the older symbol on the right) has no say, l comes before o.
    expect(model.merges).to.deep.equal(["l o", "lo w", "Ġ low"]);
    expect(Object.values(model.vocab).sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 261 }, (_, id) => id));
  });

  it("stays smaller when nothing is left to merge", () => {
    expect(Object.keys(trainBpe({ texts: ["abc"], vocabularySize: 1000 }).model.vocab)).to.have.length(256);
  });

  it("never merges letters into a special token", () => {
    const { model } = trainBpe({ texts: ["abab abab abab"], vocabularySize: 300, specialTokens: ["abab"] });
    expect(model.vocab.abab).to.equal(0);
    expect(model.merges).to.include("a b").and.not.include("ab ab");
  });

  it("refuses sizes that cannot be", () => {
    const texts = ["text"];
    expect(() => trainBpe({ texts, vocabularySize: 255 })).to.throw(
      "a vocabulary of 255 is too small: 256 bytes and 0 special tokens need at least 256",
    );
    expect(() => trainBpe({ texts, vocabularySize: 257, specialTokens: ["<a>", "<b>"] })).to.throw(
      "a vocabulary of 257 is too small",
    );
    expect(() => trainBpe({ texts, vocabularySize: 300.5 })).to.throw("a vocabulary of 300.5 is too small");
    expect(() => trainBpe({ texts, vocabularySize: 300, specialTokens: ["<a>", "<a>"] })).to.throw(
      "a special token is listed twice: <a> <a>",
    );
    expect(() => trainBpe({ texts, vocabularySize: 300, specialTokens: ["a"] })).to.throw(
      'the special token "a" is too short',
    );
    expect(() => trainBpe({ texts: [""], vocabularySize: 300 })).to.throw("there is no text to train a tokenizer on");
  });
});
