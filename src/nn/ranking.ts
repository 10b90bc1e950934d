/** Which of many numbers are the largest, without sorting their indices. */

export interface Ranking {
  /** The number of a rank; 0 is the largest's. */
  valueAt(rank: number): number;
  /** The index of that number; among equal ones the smaller index comes first. */
  indexAt(rank: number): number;
}

/**
 * Numbers by size, as far as the `count`-th; all when absent. They are sorted by themselves, which takes a small part of the time of
 * sorting what points to them.
 */
export function rank(values: Float32Array | Float64Array, count = values.length): Ranking {
  const sorted = 2 * count < values.length ? largestSorted(values, count) : values.slice().sort();
  const last = sorted.length - 1;
  const valueAt = (rank: number) => sorted[last - rank];
  return {
    valueAt,
    indexAt(rank) {
      const value = valueAt(rank);
      let before = 0;
      while (before < rank && valueAt(rank - before - 1) === value) before++;
      for (let index = 0; index < values.length; index++) if (values[index] === value && before-- === 0) return index;
      return -1;
    },
  };
}

/** The `count` largest numbers, and perhaps some others before them, in rising order. */
function largestSorted(values: Float32Array | Float64Array, count: number): Float64Array {
  const kept = new Float64Array(2 * count);
  let filled = 0;
  let least = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < values.length; index++) {
    if (values[index] <= least) continue;
    kept[filled++] = values[index];
    if (filled < kept.length) continue;
    kept.sort().copyWithin(0, count);
    filled = count;
    least = kept[0];
  }
  return kept.subarray(0, filled).sort();
}
