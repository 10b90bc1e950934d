/** A few texts in a folder of their own, for tests that train. */

import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const WORDS = ["sun", "moon", "stars", "rise", "fall", "over", "the", "quiet", "sea", "and", "hills"];

/** Makes a temporary folder, which the caller removes, with twelve texts in `texts`. */
export function makeSmallCorpus(name: string): { folder: string; corpus: string } {
  const folder = mkdtempSync(join(tmpdir(), `apollo-${name}-`));
  const corpus = join(folder, "texts");
  mkdirSync(corpus);
  for (let file = 0; file < 12; file++) {
    const text = Array.from({ length: 400 }, (_, index) => WORDS[(index * (file + 3) + (index >> 2)) % WORDS.length]);
    writeFileSync(join(corpus, `${file}.txt`), `${text.join(" ")}.\n`);
  }
  return { folder, corpus };
}
