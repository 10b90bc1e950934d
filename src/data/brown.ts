/** The Brown corpus: its tagged form read into paragraphs, and its documents as running text. */

import { type DetokeniseOptions, detokenise } from "./detokenise.ts";
import type { Document, TaggedSentence, TaggedToken } from "./document.ts";

/** Tokens of one sentence per entry. */
type Paragraph = TaggedSentence[];

const ENDING = new Set([".", "?", "!", ";", "''", ")", "]"]);
const BEGINNING = new Set(["``", "(", "["]);

/** A document of the Brown corpus; text and tags both come from its tagged form, each when first asked for. */
export class BrownDocument implements Document {
  readonly id: string;
  readonly genre: string;
  readonly #source: string;
  #text: string | undefined;
  #taggedSentences: readonly TaggedSentence[] | undefined;

  constructor({ id, genre, source }: { id: string; genre: string; source: string }) {
    this.id = id;
    this.genre = genre;
    this.#source = source;
  }

  get text(): string {
    this.#text ??= brownText(this.#source);
    return this.#text;
  }

  get taggedSentences(): readonly TaggedSentence[] {
    this.#taggedSentences ??= brownParagraphs(this.#source).flat();
    return this.#taggedSentences;
  }
}

/** The running text of a tagged source: paragraphs and headlines apart by a blank line. */
export function brownText(source: string, options?: DetokeniseOptions): string {
  const paragraphs = brownParagraphs(source).map((sentences) =>
    sentences.map((sentence) => sentence.map(({ token }) => token)),
  );
  return adoptStrayMarks(paragraphs)
    .map((sentences) => detokenise(sentences, options))
    .join("\n\n");
}

/**
 * The paragraphs of a tagged source: a line holds a sentence; a blank line, a tab and the border of a headline (every tag
 * ends in `-hl`) each begin a paragraph.
 */
export function brownParagraphs(source: string): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  let joins = false;
  let afterHeadline = false;
  for (const line of source.split("\n")) {
    const sentence = line.split(/\s+/).filter(Boolean).map(taggedToken);
    if (sentence.length === 0) {
      joins = false;
      continue;
    }
    const headline = sentence.every(({ tag }) => tag.endsWith("-hl"));
    if (joins && !headline && !afterHeadline && !line.startsWith("\t")) paragraphs.at(-1)!.push(sentence);
    else paragraphs.push([sentence]);
    joins = true;
    afterHeadline = headline;
  }
  return paragraphs;
}

/** `word/tag`; the word may hold slashes of its own. */
function taggedToken(text: string): TaggedToken {
  const border = text.lastIndexOf("/");
  return border < 0 ? { token: text, tag: "" } : { token: text.slice(0, border), tag: text.slice(border + 1) };
}

/**
 * Gives marks that stand on the wrong side of a paragraph border back: closing ones to the paragraph before, opening ones
 * to the one after. A comma at a paragraph's start, left over from a formula, is dropped.
 */
function adoptStrayMarks(paragraphs: readonly string[][][]): string[][][] {
  const kept: string[][][] = [];
  let opening: string[] = [];
  for (const paragraph of paragraphs) {
    const sentences = paragraph.map((sentence) => [...sentence]);
    const first = sentences[0];
    first.unshift(...opening);
    opening = [];
    const closing: string[] = [];
    while (ENDING.has(first[0]) || first[0] === "," || first[0] === ":") closing.push(first.shift()!);
    if (kept.length > 0) kept.at(-1)!.push(closing.filter((mark) => ENDING.has(mark)));
    const last = sentences.at(-1)!;
    while (last.length > 0 && BEGINNING.has(last.at(-1)!)) opening.unshift(last.pop()!);
    const filled = sentences.filter((sentence) => sentence.length > 0);
    if (filled.length > 0) kept.push(filled);
  }
  return kept;
}
