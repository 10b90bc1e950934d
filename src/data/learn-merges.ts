/** The loop that grows a vocabulary by merging pairs, common to byte-level BPE and WordPiece. */

import { PairTable, type SymbolWord } from "./pair-table.ts";

export interface LearnMergesOptions {
  /** Used up: their symbols are merged in place. */
  words: readonly SymbolWord[];
  /** What the numbers in `words` stand for, in order; how old a symbol is decides between pairs of equal count. */
  alphabet: readonly string[];
  /** What the alphabet is made of, for the error: "bytes". */
  alphabetKind: string;
  /** How two neighbours are spelled as one symbol. */
  join(left: string, right: string): string;
  /** Tokens to make: special tokens, alphabet, then one per merge. */
  vocabularySize: number;
  /** Get the first ids, in this order; never made by merges. */
  specialTokens: readonly string[];
  /** Pairs rarer than this are not merged. */
  minimumCount: number;
}

export interface LearnedMerges {
  /** In order of their ids. */
  tokens: string[];
  /** In the order in which they were made. */
  merges: [string, string][];
}

/**
 * Merges, again and again, the most frequent pair of neighbouring symbols; ties go to the pair whose symbols are older (the
 * left one first). Stops early when no pair reaches `minimumCount`.
 * @throws when the vocabulary is too small for alphabet and special tokens, a special token is listed twice, or there are no words.
 */
export function learnMerges(options: LearnMergesOptions): LearnedMerges {
  const { words, alphabet, join, vocabularySize, specialTokens, minimumCount } = options;
  checkSizes(options);
  if (words.length === 0) throw new Error("there is no text to train a tokenizer on");
  const symbols = [...alphabet];
  const merges: [string, string][] = [];
  const symbolIds = new Map(symbols.map((symbol, id) => [symbol, id]));
  const reserved = new Set(specialTokens);
  const pairs = new PairTable(words);
  while (symbols.length + specialTokens.length < vocabularySize) {
    const pair = pairs.mostFrequent();
    if (pair === undefined || pair.count < minimumCount) break;
    const left = symbols[pair.left];
    const right = symbols[pair.right];
    const joined = join(left, right);
    // A text that spells out a special token must not become its id.
    if (reserved.has(joined)) continue;
    merges.push([left, right]);
    // Two merges can spell the same token; it then keeps its id.
    const merged = symbolIds.get(joined) ?? symbols.length;
    if (merged === symbols.length) {
      symbols.push(joined);
      symbolIds.set(joined, merged);
    }
    pairs.merge(pair, merged);
  }
  return { tokens: [...specialTokens, ...symbols], merges };
}

function checkSizes({ alphabet, alphabetKind, vocabularySize, specialTokens }: LearnMergesOptions): void {
  if (new Set(specialTokens).size < specialTokens.length)
    throw new Error(`a special token is listed twice: ${specialTokens.join(" ")}`);
  const smallest = alphabet.length + specialTokens.length;
  if (!Number.isInteger(vocabularySize) || vocabularySize < smallest) {
    throw new Error(
      `a vocabulary of ${vocabularySize} is too small: ${alphabet.length} ${alphabetKind} and ${specialTokens.length} special tokens need at least ${smallest}`,
    );
  }
}
