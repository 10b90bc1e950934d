/** A tokenizer, a small encoder and tasks that it can learn, for the tests of this room. */

import { FAMILY_SPECIAL_TOKENS, Tokenizer, trainBpe } from "../../src/data/index.ts";
import type { ClassificationTask, SpanTask, TaggingTask } from "../../src/tasks/task.ts";
import { Random } from "../../src/tensor/random.ts";

const NAMES = ["Ann", "Bob", "Eve", "Max"];
const PLACES = ["Rome", "Oslo", "Kyiv", "Lima"];

const random = Random.stream(7, "small tasks");
const pick = <Item>(items: readonly Item[]) => items[random.integer(items.length)];

/** "Ann went from Rome to Oslo." */
function journey(): { text: string; words: string[]; name: string; from: string; to: string } {
  const [name, from, to] = [pick(NAMES), pick(PLACES), pick(PLACES)];
  const words = [name, "went", "from", from, "to", to, "."];
  return { text: `${name} went from ${from} to ${to}.`, words, name, from, to };
}

const make = <Example>(count: number, example: (index: number) => Example) =>
  Array.from({ length: count }, (_, index) => example(index));
const sides = <Example>(example: (index: number) => Example) => ({
  train: make(64, example),
  development: [
    { name: "dev", examples: make(24, (index) => example(1000 + index)) },
    { name: "other", examples: make(8, (index) => example(2000 + index)) },
  ],
});

const texts = [make(50, () => journey().text).join(" "), "Who went? Where did the journey end? Was it good or bad?"];
const tokenizerFor = (family: keyof typeof FAMILY_SPECIAL_TOKENS) =>
  Tokenizer.fromJson(trainBpe({ texts, vocabularySize: 300, specialTokens: FAMILY_SPECIAL_TOKENS[family] }));

export const tokenizer = tokenizerFor("bert");
export const gptTokenizer = tokenizerFor("gpt");

/** Whether Ann went. */
export const sentences: ClassificationTask = {
  ...{
    name: "sentences",
    kind: "classification",
    about: "Journeys.",
    labels: ["other", "ann"],
    metrics: ["accuracy", "f1"],
  },
  ...sides((index) => {
    const { text, name } = journey();
    return { id: `${index}`, text, label: Number(name === "Ann") };
  }),
};

/** Names, places and the rest. */
export const tags: TaggingTask = {
  ...{ name: "tags", kind: "tagging", about: "Journeys.", labels: ["word", "name", "place"], metrics: ["accuracy"] },
  ...sides((index) => {
    const { words, name } = journey();
    const tag = (word: string) => (word === name ? 1 : PLACES.includes(word) ? 2 : 0);
    return { id: `${index}`, words, tags: words.map(tag) };
  }),
};

/** Who went, which every second text does not say. */
export const questions: SpanTask = {
  ...{
    name: "questions",
    kind: "spans",
    about: "Journeys.",
    hasUnanswerable: true,
    metrics: ["span-f1", "exact-match"],
  },
  ...sides((index) => {
    const { text, name } = journey();
    const context = index % 2 === 0 ? text : text.replace(name, "Nobody").replace("Nobody went", "It went");
    return {
      id: `${index}`,
      question: "Who went?",
      context,
      answers: index % 2 === 0 ? [{ text: name, start: 0 }] : [],
    };
  }),
};

/** Whether both texts name one of the first two: of one text alone, three of four is the best guess. */
export const pairs: ClassificationTask = {
  ...{ name: "pairs", kind: "classification", about: "Journeys.", labels: ["no", "yes"], metrics: ["accuracy"] },
  ...sides((index) => {
    const { text, name } = journey();
    const other = pick(NAMES);
    const isYes = [name, other].every((one) => NAMES.indexOf(one) < 2);
    return { id: `${index}`, text, pair: `${other} went.`, label: Number(isYes) };
  }),
};

export const SIZE = { layers: 2, hidden: 32, heads: 2, context: 24, vocabulary: tokenizer.vocabularySize };
