/** The Brown corpus divided as pre-training divides it. */

import { loadCorpus } from "../../data/corpus.ts";
import type { Document } from "../../data/document.ts";
import { splitByDocument } from "../../data/split-by-document.ts";

/**
 * What an experiment takes when it says nothing else. With the same fraction and seed here, no development text of a task was
 * ever pre-trained on.
 */
export const BROWN_SPLIT = { validationFraction: 0.1, seed: 0 };

/** Whole documents for training and development: 450 and 50. */
export function brownSides(): { train: Document[]; development: Document[] } {
  const { train, validation } = splitByDocument(loadCorpus("brown"), BROWN_SPLIT);
  return { train, development: validation };
}
