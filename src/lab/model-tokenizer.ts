/** The tokenizer beside a model. */

import type { Tokenizer } from "../data/tokenizer.ts";
import { readTokenizer } from "../pretrained/tokenizer-files.ts";

/**
 * Of a run's folder, or of one in Hugging Face's form.
 * @throws naming the folder that has none, or the file that is no tokenizer.
 */
export function readModelTokenizer(folder: string): Tokenizer {
  return needTokenizer(readTokenizer(folder), folder);
}

/** What was found of a tokenizer in a folder. @throws naming the folder, when that is nothing. */
export function needTokenizer(tokenizer: Tokenizer | undefined, folder: string): Tokenizer {
  if (tokenizer === undefined)
    throw new Error(`${folder} has no tokenizer: tokenizer.json, vocab.txt, or vocab.json with merges.txt`);
  return tokenizer;
}
