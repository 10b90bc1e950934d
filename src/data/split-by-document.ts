/** Divides a corpus into documents to train on and documents to validate on. */

import { Random } from "../tensor/random.ts";
import type { Document } from "./document.ts";

export interface SplitOptions {
  /** Share of the documents that validate, between 0 and 1. */
  validationFraction: number;
  /** Of the choice of documents. */
  seed: number;
}

export interface DocumentSplit {
  train: Document[];
  validation: Document[];
}

/**
 * A split that depends on the documents, the fraction and the seed alone. Both sides keep the corpus's order; each genre
 * (documents without one count as a genre of their own) gives its share to within one document.
 * @throws when the fraction is not between 0 and 1, or there are fewer than two documents.
 */
export function splitByDocument(
  documents: readonly Document[],
  { validationFraction, seed }: SplitOptions,
): DocumentSplit {
  if (!(validationFraction > 0 && validationFraction < 1)) {
    throw new Error(`the validation fraction must lie between 0 and 1, not ${validationFraction}`);
  }
  if (documents.length < 2) {
    throw new Error(
      `a corpus of ${documents.length} document(s) is too small to train on some and validate on others: give at least 2`,
    );
  }
  const genres = indicesByGenre(documents);
  const chosen = new Set<number>();
  for (const [genre, quota] of quotas(genres, validationFraction, documents.length)) {
    const members = genres.get(genre)!;
    const order = Random.stream(seed, `validation documents ${genre}`).permutation(members.length);
    for (const place of order.subarray(0, quota)) chosen.add(members[place]);
  }
  return {
    train: documents.filter((_, index) => !chosen.has(index)),
    validation: documents.filter((_, index) => chosen.has(index)),
  };
}

function indicesByGenre(documents: readonly Document[]): Map<string, number[]> {
  const genres = new Map<string, number[]>();
  for (const [index, { genre = "" }] of documents.entries()) {
    const members = genres.get(genre);
    if (members === undefined) genres.set(genre, [index]);
    else members.push(index);
  }
  return genres;
}

/** Whole numbers near each genre's share that add up to the rounded share of all: the largest remainders are rounded up. */
function quotas(genres: ReadonlyMap<string, readonly number[]>, fraction: number, total: number): Map<string, number> {
  const wanted = Math.min(total - 1, Math.max(1, Math.round(fraction * total)));
  const shares = [...genres].map(([genre, { length }]) => {
    const share = (wanted * length) / total;
    return { genre, count: Math.floor(share), remainder: share - Math.floor(share) };
  });
  shares.sort((a, b) => b.remainder - a.remainder || (a.genre < b.genre ? -1 : 1));
  let missing = wanted - shares.reduce((sum, { count }) => sum + count, 0);
  return new Map(shares.map(({ genre, count }) => [genre, missing-- > 0 ? count + 1 : count]));
}
