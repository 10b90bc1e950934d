/** A pair of neighbouring symbols, how often it occurs, and the words it may occur in. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** Indices of words; one that lost the pair since may still be listed. */
  readonly words: number[];
}

/**
 * A heap of pairs, most frequent first, ties by smaller left and then smaller right symbol.
 *
 * Counts change while a pair waits. An entry keeps the count that it was added with, so add a pair again when its count
 * rises; one whose count fell is put back at its new place when it comes up.
 */
export class PairQueue {
  readonly #entries: { pair: Pair; count: number }[] = [];

  add(pair: Pair): void {
    const entries = this.#entries;
    const entry = { pair, count: pair.count };
    let place = entries.length;
    entries.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, entries[parent])) break;
      entries[place] = entries[parent];
      place = parent;
    }
    entries[place] = entry;
  }

  /** Takes out the first pair; undefined when none with a count above 0 is left. */
  takeFirst(): Pair | undefined {
    while (this.#entries.length > 0) {
      const { pair, count } = this.#removeTop();
      if (pair.count === count && count > 0) return pair;
      if (pair.count < count && pair.count > 0) this.add(pair);
    }
    return undefined;
  }

  #removeTop(): { pair: Pair; count: number } {
    const entries = this.#entries;
    const top = entries[0];
    const moved = entries.pop()!;
    const size = entries.length;
    if (size === 0) return top;
    let place = 0;
    for (let child = 1; child < size; child = 2 * place + 1) {
      if (child + 1 < size && isBefore(entries[child + 1], entries[child])) child++;
      if (!isBefore(entries[child], moved)) break;
      entries[place] = entries[child];
      place = child;
    }
    entries[place] = moved;
    return top;
  }
}

type Entry = { pair: Pair; count: number };

function isBefore(a: Entry, b: Entry): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.pair.left !== b.pair.left ? a.pair.left < b.pair.left : a.pair.right < b.pair.right;
}
