/** Trains a byte-level byte-pair encoding. */

import { BYTE_CHARACTERS } from "./byte-alphabet.ts";
import { type Pair, PairQueue } from "./pair-queue.ts";
import { preTokens } from "./pre-tokens.ts";
import { byteLevelTokenizerJson, type TokenizerJson } from "./tokenizer-json.ts";

export interface TrainBpeOptions {
  texts: Iterable<string>;
  /** Ids to make: special tokens, the 256 bytes, then one per merge. */
  vocabularySize: number;
  /** Get the first ids, in this order; never made by merges. */
  specialTokens?: readonly string[];
  /** Pairs rarer than this are not merged; 2 when absent. */
  minimumCount?: number;
}

/** A pre-token as symbols, and how often it occurs. */
interface Word {
  symbols: number[];
  readonly count: number;
}

const BYTES = 256;
/** Above any symbol, so that left · this + right names a pair. */
const SYMBOL_LIMIT = 2 ** 26;

/**
 * A tokenizer whose merges are, at each point, the most frequent pair of neighbouring symbols; ties go to the pair whose
 * symbols are older. The order of the texts does not matter. When no pair reaches `minimumCount` the vocabulary stays
 * smaller than asked.
 * @throws when the vocabulary is too small for the bytes and special tokens, or there is no text.
 */
export function trainBpe({
  texts,
  vocabularySize,
  specialTokens = [],
  minimumCount = 2,
}: TrainBpeOptions): TokenizerJson {
  checkSizes(vocabularySize, specialTokens);
  const words = countWords(texts);
  if (words.length === 0) throw new Error("there is no text to train a tokenizer on");
  const symbols: string[] = [...BYTE_CHARACTERS];
  const merges: [string, string][] = [];
  const symbolIds = new Map(symbols.map((symbol, id) => [symbol, id]));
  const reserved = new Set(specialTokens);
  const pairs = new PairTable(words);
  while (symbols.length + specialTokens.length < vocabularySize) {
    const pair = pairs.mostFrequent();
    if (pair === undefined || pair.count < minimumCount) break;
    const left = symbols[pair.left];
    const right = symbols[pair.right];
    // A text that spells out a special token must not become its id.
    if (reserved.has(left + right)) continue;
    merges.push([left, right]);
    // Two merges can spell the same token; it then keeps its id.
    const merged = symbolIds.get(left + right) ?? symbols.length;
    if (merged === symbols.length) {
      symbols.push(left + right);
      symbolIds.set(left + right, merged);
    }
    pairs.merge(pair, merged);
  }
  return byteLevelTokenizerJson({ specialTokens, tokens: [...specialTokens, ...symbols], merges });
}

function checkSizes(vocabularySize: number, specialTokens: readonly string[]): void {
  if (new Set(specialTokens).size < specialTokens.length)
    throw new Error(`a special token is listed twice: ${specialTokens.join(" ")}`);
  // Shorter than two characters, one could be taken for a byte.
  const short = specialTokens.find((token) => token.length < 2);
  if (short !== undefined) throw new Error(`the special token "${short}" is too short: give at least two characters`);
  const smallest = BYTES + specialTokens.length;
  if (!Number.isInteger(vocabularySize) || vocabularySize < smallest) {
    throw new Error(
      `a vocabulary of ${vocabularySize} is too small: 256 bytes and ${specialTokens.length} special tokens need at least ${smallest}`,
    );
  }
}

function countWords(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const piece of preTokens(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const encoder = new TextEncoder();
  return Array.from(counts, ([piece, count]) => ({ symbols: [...encoder.encode(piece)], count }));
}

/** The counts of all pairs of neighbours, kept right while pairs are merged. */
class PairTable {
  readonly #words: readonly Word[];
  readonly #pairs = new Map<number, Pair>();
  readonly #queue = new PairQueue();

  constructor(words: readonly Word[]) {
    this.#words = words;
    for (let index = 0; index < words.length; index++) this.#count(index, () => true);
    for (const pair of this.#pairs.values()) this.#queue.add(pair);
  }

  mostFrequent(): Pair | undefined {
    return this.#queue.takeFirst();
  }

  /** Writes `merged` for the pair wherever it occurs. */
  merge(pair: Pair, merged: number): void {
    const grown = new Set<Pair>();
    for (const index of pair.words) {
      const word = this.#words[index];
      const symbols = replacePair(word.symbols, pair, merged);
      if (symbols.length === word.symbols.length) continue;
      this.#uncount(word);
      word.symbols = symbols;
      this.#count(index, (left, right) => left === merged || right === merged, grown);
    }
    for (const each of grown) this.#queue.add(each);
  }

  #uncount({ symbols, count }: Word): void {
    for (let place = 1; place < symbols.length; place++) {
      this.#pairs.get(symbols[place - 1] * SYMBOL_LIMIT + symbols[place])!.count -= count;
    }
  }

  /** Adds a word's pairs; those that `isNew` to the word list it and are reported in `grown`. */
  #count(index: number, isNew: (left: number, right: number) => boolean, grown?: Set<Pair>): void {
    const { symbols, count } = this.#words[index];
    for (let place = 1; place < symbols.length; place++) {
      const left = symbols[place - 1];
      const right = symbols[place];
      const key = left * SYMBOL_LIMIT + right;
      let pair = this.#pairs.get(key);
      if (pair === undefined) this.#pairs.set(key, (pair = { left, right, count: 0, words: [] }));
      pair.count += count;
      if (!isNew(left, right)) continue;
      if (pair.words.at(-1) !== index) pair.words.push(index);
      grown?.add(pair);
    }
  }
}

function replacePair(symbols: readonly number[], { left, right }: Pair, merged: number): number[] {
  const replaced: number[] = [];
  for (let place = 0; place < symbols.length; place++) {
    const found = symbols[place] === left && symbols[place + 1] === right;
    replaced.push(found ? merged : symbols[place]);
    if (found) place++;
  }
  return replaced;
}
