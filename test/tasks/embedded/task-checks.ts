/** What holds for every task, and the scores of guessing. */

import { expect } from "chai";
import { EMBEDDED_TASKS, type EmbeddedTaskName } from "../../../src/tasks/embedded/embedded-tasks.ts";
import type { SequenceExample, TaggedExample } from "../../../src/tasks/task.ts";

/** Letters and digits alone, so that texts which look alike are alike. */
export function squeezed(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/** The task of a name, built twice and found the same; with ids that occur once and sentences about itself. */
export function builtTwice<Name extends EmbeddedTaskName>(name: Name): ReturnType<(typeof EMBEDDED_TASKS)[Name]> {
  const task = EMBEDDED_TASKS[name]();
  expect(JSON.stringify(EMBEDDED_TASKS[name]()) === JSON.stringify(task), "built twice, the same").to.equal(true);
  expect(task.name).to.equal(name);
  const sides: readonly (readonly { readonly id: string }[])[] = [
    task.train,
    ...task.development.map((set) => set.examples),
  ];
  const examples = sides.flat();
  expect(new Set(examples.map(({ id }) => id)).size, "different ids").to.equal(examples.length);
  for (const sentence of [task.about, task.isNot!]) expect(sentence).to.match(/^[A-Z].{60,}\.$/);
  expect(task.about).to.include("analogue");
  return task as ReturnType<(typeof EMBEDDED_TASKS)[Name]>;
}

/** How many examples each label has. */
export function labelCounts(examples: readonly { label: number }[]): number[] {
  const counts: number[] = [];
  for (const { label } of examples) counts[label] = (counts[label] ?? 0) + 1;
  return Array.from(counts, (count) => count ?? 0);
}

/** The accuracy of always guessing the commonest label. */
export function majorityShare(labels: readonly number[]): number {
  return Math.max(...labelCounts(labels.map((label) => ({ label })))) / labels.length;
}

/** The accuracy of a bag of words: naive Bayes with add-one smoothing. */
export function bagOfWordsAccuracy(train: readonly SequenceExample[], development: readonly SequenceExample[]): number {
  const wordsOf = (text: string) => new Set(text.toLowerCase().match(/\p{L}+/gu) ?? []);
  const examples = labelCounts(train);
  const seen = new Map<string, number[]>();
  for (const { text, label } of train) {
    for (const word of wordsOf(text)) {
      const counts = seen.get(word) ?? examples.map(() => 0);
      counts[label]++;
      seen.set(word, counts);
    }
  }
  const right = development.filter(({ text, label }) => {
    const scores = examples.map((count, of) =>
      [...wordsOf(text)].reduce((sum, word) => {
        const counts = seen.get(word);
        return counts === undefined ? sum : sum + Math.log((counts[of] + 1) / (count + 2));
      }, Math.log(count)),
    );
    return scores.indexOf(Math.max(...scores)) === label;
  });
  return right.length / development.length;
}

/** The accuracy of giving every word the tag that it has most often in training, and new words the first tag. */
export function commonestTagAccuracy(train: readonly TaggedExample[], development: readonly TaggedExample[]): number {
  const counts = new Map<string, number[]>();
  for (const { words, tags } of train) {
    for (const [index, word] of words.entries()) {
      const ofWord = counts.get(word) ?? [];
      ofWord[tags[index]] = (ofWord[tags[index]] ?? 0) + 1;
      counts.set(word, ofWord);
    }
  }
  const guess = (word: string): number => {
    const ofWord = Array.from(counts.get(word) ?? [1], (count) => count ?? 0);
    return ofWord.indexOf(Math.max(...ofWord));
  };
  const right = development.flatMap(({ words, tags }) => words.map((word, index) => guess(word) === tags[index]));
  return right.filter(Boolean).length / right.length;
}
