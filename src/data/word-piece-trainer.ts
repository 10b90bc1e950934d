/** Trains a WordPiece vocabulary. */

import { bertPieces } from "./bert-pieces.ts";
import { countPieces } from "./count-pieces.ts";
import { learnMerges } from "./learn-merges.ts";
import type { SymbolWord } from "./pair-table.ts";
import { FAMILY_SPECIAL_TOKENS } from "./special-tokens.ts";
import { CONTINUATION, type TokenizerJson, wordPieceTokenizerJson } from "./tokenizer-json.ts";

export interface TrainWordPieceOptions {
  texts: Iterable<string>;
  /** Ids to make: special tokens, the characters, the characters that go on with a word, then one per merge. */
  vocabularySize: number;
  /** Get the first ids, in this order; BERT's five when absent. `[UNK]` must be among them. */
  specialTokens?: readonly string[];
  /** Pairs rarer than this are not merged; 2 when absent. */
  minimumCount?: number;
  /** Whether the tokenizer makes letters small and strips accents; true when absent. */
  lowercase?: boolean;
  /** Only so many characters, the most frequent ones, are kept; 1000 when absent. Words with others become `[UNK]`. */
  alphabetLimit?: number;
}

/**
 * A WordPiece tokenizer that is trained as the Rust library `tokenizers` does: a word is a letter and letters that go on with
 * it ("##e"), and the most frequent pair of neighbours is merged again and again, as in byte-pair encoding; merges are
 * forgotten afterwards, since encoding takes the longest token that fits. (The score of the original WordPiece, which was
 * never released, is another one.) When no pair reaches `minimumCount` the vocabulary stays smaller than asked.
 *
 * Ties go to the pair whose symbols are older, and of the letters that go on with a word the one with the smaller code point
 * is older. There the library takes the order in which it met them, which differs from run to run; but for these ids, and
 * for ties that they decide, the vocabularies are the same.
 * @throws when the vocabulary is too small for the characters and special tokens, a special token could be a word of a text,
 *   `[UNK]` is missing, or there is no text.
 */
export function trainWordPiece({
  texts,
  vocabularySize,
  specialTokens = FAMILY_SPECIAL_TOKENS.bert,
  minimumCount = 2,
  lowercase = true,
  alphabetLimit = 1000,
}: TrainWordPieceOptions): TokenizerJson {
  checkSpecialTokens(specialTokens);
  if (!Number.isInteger(alphabetLimit) || alphabetLimit < 1)
    throw new Error(`an alphabet of at most ${alphabetLimit} characters is none: give a whole number from 1 on`);
  const counts = countPieces(texts, (text) => bertPieces(text, { lowercase }).map((piece) => piece.text));
  const { tokens } = learnMerges({
    ...wordPieceWords(counts, alphabetLimit),
    alphabetKind: "characters at the beginning of words or within",
    join: joinWordPieces,
    vocabularySize,
    specialTokens,
    minimumCount,
  });
  return wordPieceTokenizerJson({ specialTokens, tokens, lowercase });
}

/** How two neighbouring tokens are spelled as one. */
export function joinWordPieces(left: string, right: string): string {
  return left + right.slice(CONTINUATION.length);
}

/**
 * Words as symbols, and the symbols: every character by itself, then those that go on with a word, both sorted by code point.
 * Characters beyond the limit, the rarest (of equals those with the larger code point), are left out of their words.
 */
export function wordPieceWords(
  counts: ReadonlyMap<string, number>,
  alphabetLimit: number,
): { words: SymbolWord[]; alphabet: string[] } {
  const characterCounts = new Map<string, number>();
  for (const [word, count] of counts)
    for (const character of word) characterCounts.set(character, (characterCounts.get(character) ?? 0) + count);
  const kept = [...characterCounts].sort(([a, m], [b, n]) => n - m || byCodePoint(a, b)).slice(0, alphabetLimit);
  const characters = new Set(kept.map(([character]) => character).sort(byCodePoint));
  const spelled = Array.from(counts, ([word, count]) => ({
    tokens: Array.from(word, (character, place) => ({
      character,
      token: place === 0 ? character : CONTINUATION + character,
    }))
      .filter(({ character }) => characters.has(character))
      .map(({ token }) => token),
    count,
  }));
  const continuing = new Set<string>();
  for (const { tokens } of spelled) for (const token of tokens) if (!characters.has(token)) continuing.add(token);
  const alphabet = [...characters, ...[...continuing].sort(byCodePoint)];
  const symbols = new Map(alphabet.map((token, symbol) => [token, symbol]));
  const words = spelled.map(({ tokens, count }) => ({ symbols: tokens.map((token) => symbols.get(token)!), count }));
  return { words, alphabet };
}

/** Strings compare by code unit, which puts what lies beyond U+FFFF before U+E000. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [a, b].map(
    (text) => text.codePointAt(text.startsWith(CONTINUATION) ? CONTINUATION.length : 0)!,
  );
  return left - right;
}

function checkSpecialTokens(specialTokens: readonly string[]): void {
  // BERT's pieces are words and single marks, so a token of several pieces, such as [MASK], cannot be one.
  const word = specialTokens.find((token) => bertPieces(token, { lowercase: false }).length < 2);
  if (word !== undefined)
    throw new Error(`the special token "${word}" could be a word of a text: give it brackets, as in [MASK]`);
}
