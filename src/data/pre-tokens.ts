/** Pre-tokens: the pieces of a text that byte-pair merges never cross. */

/**
 * GPT-2's rule: English contraction endings; then letters, digits or other marks, each with one space before them; then
 * white space, whose last space is left to the word after it. Every character belongs to exactly one piece.
 */
const PRE_TOKEN = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The pre-tokens of a text, in order; their concatenation is the text. */
export function preTokens(text: string): string[] {
  return text.match(PRE_TOKEN) ?? [];
}
