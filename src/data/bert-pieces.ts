/** The pieces that BERT cuts a text into before WordPiece. */

import type { TextPiece } from "./text-piece.ts";

export interface BertPieceOptions {
  lowercase: boolean;
  /** Whether combining marks are removed ("é" becomes "e"); as `lowercase` when absent. */
  stripAccents?: boolean;
}

/** What one character becomes, part by part. A "mark" was removed, but belongs to the character before it. */
interface Part {
  readonly text: string;
  readonly role: "space" | "punctuation" | "word" | "mark";
}

const SPACE_PART: Part = { text: " ", role: "space" };

/** ASCII's letters and digits. */
const PLAIN = /^[A-Za-z0-9]/;
const REMOVED = /[\0\uFFFD\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u;
/** Of the control characters that Unicode calls white space, only these separate; the others are removed. */
const SPACE = /[\t\n\r\p{Z}]/u;
/** ASCII's marks count as punctuation although Unicode calls some of them symbols. */
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/u;
const ACCENT = /\p{Mn}/u;
/** The blocks of Chinese characters, but for those of Japanese kana and Korean. */
const CHINESE =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/u;

/** Letters and digits that only need to be made small, or one other character. */
const RUN = /[A-Za-z0-9]+|./gsu;

/** What characters became before, for each of the options. */
const remembered = new Map<string, Map<string, readonly Part[]>>();

/**
 * Words and single punctuation marks, in order, normalised as BERT does (Devlin et al. 2018, and the library `tokenizers`):
 * control characters are removed, Chinese characters stand alone, accents are stripped and letters made small if so wished;
 * then white space separates and every punctuation mark is a piece of its own.
 *
 * `start` and `end` point into the original text; accents that were stripped belong to their letter. Letters are made
 * small one by one: "Σ" becomes "σ" at the end of a word, too.
 */
export function bertPieces(text: string, { lowercase, stripAccents = lowercase }: BertPieceOptions): TextPiece[] {
  const known = knownParts(lowercase, stripAccents);
  const pieces: { text: string; start: number; end: number }[] = [];
  let isOpen = false;
  let end = 0;
  for (const run of text.match(RUN) ?? []) {
    const start = end;
    end += run.length;
    let parts = known.get(run);
    if (parts === undefined) {
      parts = partsOf(run, lowercase, stripAccents);
      // Longer than one character is a word, and those are too many.
      if (run.length <= 2) known.set(run, parts);
    }
    for (const part of parts) {
      const last = pieces.at(-1);
      if (part.role === "mark") {
        if (last?.end === start) last.end = end;
      } else if (part.role === "word" && isOpen) {
        last!.text += part.text;
        last!.end = end;
      } else {
        if (part.role !== "space") pieces.push({ text: part.text, start, end });
        isOpen = part.role === "word";
      }
    }
  }
  return pieces;
}

function knownParts(lowercase: boolean, stripAccents: boolean): Map<string, readonly Part[]> {
  const key = `${lowercase} ${stripAccents}`;
  let known = remembered.get(key);
  if (known === undefined) remembered.set(key, (known = new Map()));
  return known;
}

function partsOf(character: string, lowercase: boolean, stripAccents: boolean): Part[] {
  if (PLAIN.test(character)) return [{ text: lowercase ? character.toLowerCase() : character, role: "word" }];
  if (SPACE.test(character)) return [SPACE_PART];
  if (REMOVED.test(character)) return [];
  const parts: Part[] = [];
  // A character's canonical decomposition can hold punctuation: "≠" is "=" and a stroke.
  for (const letter of stripAccents ? character.normalize("NFD") : character) {
    if (stripAccents && ACCENT.test(letter)) parts.push({ text: "", role: "mark" });
    else if (PUNCTUATION.test(letter)) parts.push({ text: letter, role: "punctuation" });
    else parts.push({ text: lowercase ? letter.toLowerCase() : letter, role: "word" });
  }
  return CHINESE.test(character) ? [SPACE_PART, ...parts, SPACE_PART] : parts;
}
