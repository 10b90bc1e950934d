/** Trains a byte-level byte-pair encoding. */

import { BYTE_CHARACTERS } from "./byte-alphabet.ts";
import { countPieces } from "./count-pieces.ts";
import { learnMerges } from "./learn-merges.ts";
import type { SymbolWord } from "./pair-table.ts";
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

/**
 * A tokenizer whose merges are, at each point, the most frequent pair of neighbouring symbols; ties go to the pair whose
 * symbols are older, bytes by their value. The order of the texts does not matter. When no pair reaches `minimumCount` the
 * vocabulary stays smaller than asked.
 *
 * The Rust library `tokenizers` decides ties by the code points of the characters that stand for bytes instead, and leaves
 * bytes out that do not occur; with its alphabet the merges are the same ({@link learnMerges}).
 * @throws when the vocabulary is too small for the bytes and special tokens, or there is no text.
 */
export function trainBpe({
  texts,
  vocabularySize,
  specialTokens = [],
  minimumCount = 2,
}: TrainBpeOptions): TokenizerJson {
  // Shorter than two characters, one could be taken for a byte.
  const short = specialTokens.find((token) => token.length < 2);
  if (short !== undefined) throw new Error(`the special token "${short}" is too short: give at least two characters`);
  const learned = learnMerges({
    words: byteWords(texts),
    alphabet: BYTE_CHARACTERS,
    alphabetKind: "bytes",
    join: (left, right) => left + right,
    vocabularySize,
    specialTokens,
    minimumCount,
  });
  return byteLevelTokenizerJson({ specialTokens, ...learned });
}

function byteWords(texts: Iterable<string>): SymbolWord[] {
  const encoder = new TextEncoder();
  return Array.from(countPieces(texts, preTokens), ([piece, count]) => ({
    symbols: [...encoder.encode(piece)],
    count,
  }));
}
