/** The tokenizer beside a model. */

import { join } from "node:path";
import type { Tokenizer } from "../data/tokenizer.ts";
import { readTokenizer } from "../pretrained/tokenizer-files.ts";
import { TOKENIZER_FILE } from "./run-folder.ts";

/** Of a run's folder, or of one in Hugging Face's form. @throws naming the file, when it is missing or no tokenizer. */
export function readModelTokenizer(folder: string): Tokenizer {
  const tokenizer = readTokenizer(folder);
  if (tokenizer === undefined) throw new Error(`there is no file ${join(folder, TOKENIZER_FILE)}`);
  return tokenizer;
}
