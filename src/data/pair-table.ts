/** Words as symbols, and how often neighbours in them occur together. */

import { type Pair, PairQueue } from "./pair-queue.ts";

/** A piece of text as symbols, and how often it occurs. */
export interface SymbolWord {
  symbols: number[];
  readonly count: number;
}

/** Above any symbol, so that left · this + right names a pair. */
const SYMBOL_LIMIT = 2 ** 26;

/** The counts of all pairs of neighbours, kept right while pairs are merged; the words are changed with it. */
export class PairTable {
  readonly #words: readonly SymbolWord[];
  readonly #pairs = new Map<number, Pair>();
  readonly #queue = new PairQueue();

  constructor(words: readonly SymbolWord[]) {
    this.#words = words;
    for (let index = 0; index < words.length; index++) this.#count(index, () => true);
    for (const pair of this.#pairs.values()) this.#queue.add(pair);
  }

  /** Takes out the most frequent pair, of equals the one with the smaller symbols; undefined when no pair is left. */
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

  #uncount({ symbols, count }: SymbolWord): void {
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
