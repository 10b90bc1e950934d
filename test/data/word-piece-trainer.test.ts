import { expect } from "chai";
import fc from "fast-check";
import type { TokenizerJson } from "../../src/data/tokenizer-json.ts";
import { trainWordPiece } from "../../src/data/word-piece-trainer.ts";

const UNKNOWN = ["[UNK]"];
const tokensOf = ({ model }: TokenizerJson) =>
  Object.entries(model.vocab)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);

/** The definition for texts of small letters and spaces, recounted from nothing before every merge. */
function plainTokens(texts: readonly string[], merges: number): string[] {
  const letters = texts.flatMap((text) => text.split(" ").filter((word) => word !== "")).map((word) => [...word]);
  let words = letters.map((word) => word.map((letter, place) => (place === 0 ? letter : `##${letter}`)));
  const sorted = (tokens: Iterable<string>) => [...new Set(tokens)].sort();
  const tokens = [...sorted(letters.flat()), ...sorted(words.flatMap((word) => word.slice(1)))];
  const symbols = tokens.length;
  for (let made = 0; made < merges; ) {
    const counts = new Map<string, number>();
    for (const word of words)
      for (let i = 1; i < word.length; i++)
        counts.set(`${word[i - 1]} ${word[i]}`, (counts.get(`${word[i - 1]} ${word[i]}`) ?? 0) + 1);
    const pairs = [...counts].map(([key, count]) => ({ count, pair: key.split(" ") }));
    const age = (token: string) => tokens.indexOf(token);
    pairs.sort((a, b) => b.count - a.count || age(a.pair[0]) - age(b.pair[0]) || age(a.pair[1]) - age(b.pair[1]));
    if (pairs.length === 0 || pairs[0].count < 2) break;
    const [left, right] = pairs[0].pair;
    const joined = left + right.slice(2);
    if (!tokens.includes(joined)) tokens.push(joined);
    made = tokens.length - symbols;
    words = words.map((word) => {
      const next: string[] = [];
      for (let i = 0; i < word.length; i++) {
        const found = word[i] === left && word[i + 1] === right;
        next.push(found ? joined : word[i]);
        if (found) i++;
      }
      return next;
    });
  }
  return tokens;
}

const letters = fc.string({ unit: fc.constantFrom("a", "b", "c", " "), maxLength: 60 });
const texts = fc.array(letters, { minLength: 1, maxLength: 5 }).filter((all) => all.join("").trim() !== "");

describe("trainWordPiece", () => {
  it("makes the tokens of the definition", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 30 }), (all, merges) => {
        const expected = plainTokens(all, merges);
        const json = trainWordPiece({
          texts: all,
          specialTokens: UNKNOWN,
          vocabularySize: 1 + plainTokens(all, 0).length + merges,
        });
        expect(tokensOf(json)).to.deep.equal([...UNKNOWN, ...expected]);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("does not depend on the order of the texts", () => {
    fc.assert(
      fc.property(texts, (all) => {
        const backwards = trainWordPiece({ texts: all.toReversed(), vocabularySize: 40 });
        expect(trainWordPiece({ texts: all, vocabularySize: 40 })).to.deep.equal(backwards);
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it("numbers special tokens first, then characters, then those that go on, then merges", () => {
    const { added_tokens, ...json } = trainWordPiece({
      texts: ["Low, löwer! 10"],
      vocabularySize: 22,
      minimumCount: 2,
    });
    expect(added_tokens.map(({ content, id }) => [content, id])).to.deep.equal([
      ["[PAD]", 0],
      ["[UNK]", 1],
      ["[CLS]", 2],
      ["[SEP]", 3],
      ["[MASK]", 4],
    ]);
    expect(tokensOf({ added_tokens, ...json }).slice(5)).to.deep.equal([
      "!",
      ",",
      "0",
      "1",
      "e",
      "l",
      "o",
      "r",
      "w",
      "##0",
      "##e",
      "##o",
      "##r",
      "##w",
      "lo",
      "low",
    ]);
    const cased = trainWordPiece({ texts: ["Löw"], vocabularySize: 20, specialTokens: UNKNOWN, lowercase: false });
    expect(tokensOf(cased)).to.deep.equal(["[UNK]", "L", "w", "ö", "##w", "##ö"]);
  });

  it("keeps the most frequent characters of a limited alphabet", () => {
    const json = trainWordPiece({
      texts: ["aab aab zab q"],
      vocabularySize: 20,
      specialTokens: UNKNOWN,
      alphabetLimit: 3,
    });
    // q and z occur once: q has the smaller code point. What is left of "zab" goes on with a word.
    expect(tokensOf(json)).to.deep.equal(["[UNK]", "a", "b", "q", "##a", "##b", "##ab", "aab"]);
  });

  it("refuses what cannot be", () => {
    const all = ["text"];
    expect(() => trainWordPiece({ texts: all, vocabularySize: 5 })).to.throw(
      "a vocabulary of 5 is too small: 6 characters at the beginning of words or within and 5 special tokens need at least 11",
    );
    expect(() => trainWordPiece({ texts: all, vocabularySize: 30, specialTokens: ["[PAD]"] })).to.throw(
      "a WordPiece vocabulary needs the token [UNK], and this one lacks it",
    );
    expect(() => trainWordPiece({ texts: all, vocabularySize: 30, specialTokens: ["[UNK]", "mask"] })).to.throw(
      'the special token "mask" could be a word of a text: give it brackets, as in [MASK]',
    );
    expect(() => trainWordPiece({ texts: all, vocabularySize: 30, alphabetLimit: 0 })).to.throw(
      "an alphabet of at most 0 characters is none",
    );
    expect(() => trainWordPiece({ texts: [" \n"], vocabularySize: 30 })).to.throw("there is no text to train");
  });
});
