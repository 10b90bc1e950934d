/** Pre-tokens: the pieces of a text that byte-pair merges never cross. */

import type { TextPiece } from "./text-piece.ts";

/**
 * GPT-2's rule: English contraction endings; then letters, digits or other marks, each with one space before them; then
 * white space, whose last space is left to the word after it. Every character belongs to exactly one piece.
 *
 * White space is Unicode's, as in the library `tokenizers`; JavaScript's `\s` has U+FEFF more and U+0085 less.
 */
const PRE_TOKEN =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The pre-tokens of a text, in order; their concatenation is the text. */
export function preTokens(text: string): string[] {
  return text.match(PRE_TOKEN) ?? [];
}

/** The pre-tokens with their places; the space that a word begins with is encoded with it but lies outside of its place. */
export function preTokenPieces(text: string): TextPiece[] {
  let end = 0;
  return preTokens(text).map((piece) => {
    const start = end + (/^ \P{White_Space}/u.test(piece) ? 1 : 0);
    end += piece.length;
    return { text: piece, start, end };
  });
}
