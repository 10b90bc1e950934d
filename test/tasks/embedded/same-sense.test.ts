import { expect } from "chai";
import type { ClassificationTask, SequenceExample } from "../../../src/tasks/task.ts";
import { builtTwice, labelCounts, squeezed } from "./task-checks.ts";

const wordOf = ({ text }: SequenceExample): string => text.slice(0, text.indexOf(": "));
const firstOf = ({ text }: SequenceExample): string => text.slice(text.indexOf(": ") + 2);

describe("sameSenseTask", () => {
  let task: ClassificationTask;
  let development: readonly SequenceExample[];
  before(() => {
    task = builtTwice("same-sense");
    development = task.development[0].examples;
  });

  it("has as many pairs of one label as of the other, for every word", () => {
    expect(task.train.length).to.be.within(5900, 6000);
    expect(development.length).to.be.within(980, 1000);
    const balance = new Map<string, number>();
    for (const example of [...task.train, ...development]) {
      balance.set(wordOf(example), (balance.get(wordOf(example)) ?? 0) + (example.label === 1 ? 1 : -1));
    }
    expect(balance.size).to.be.above(1000);
    expect([...balance.values()].filter((difference) => difference !== 0)).to.deep.equal([]);
    expect(labelCounts(development)).to.deep.equal([development.length / 2, development.length / 2]);
  });

  it("has no word and no sentence on both sides", () => {
    const words = new Set(task.train.map(wordOf));
    expect(development.filter((example) => words.has(wordOf(example)))).to.deep.equal([]);
    const sentences = new Set(task.train.flatMap((example) => [squeezed(firstOf(example)), squeezed(example.pair!)]));
    const shared = development.filter((example) =>
      [firstOf(example), example.pair!].some((sentence) => sentences.has(squeezed(sentence))),
    );
    expect(shared).to.deep.equal([]);
  });

  it("has two different sentences with the word in both", () => {
    for (const example of [...task.train, ...development]) {
      expect(squeezed(firstOf(example))).not.to.equal(squeezed(example.pair!));
      // Inflections change at most the last letter of a word.
      const stem = wordOf(example).replace(/.$/, "");
      for (const sentence of [firstOf(example), example.pair!]) expect(sentence.toLowerCase()).to.include(stem);
    }
  });

  it("is hardly solved by counting the words that two sentences share", () => {
    const wordsOf = (text: string) => new Set(text.toLowerCase().match(/\p{L}+/gu));
    const shared = (example: SequenceExample) => {
      const first = wordsOf(firstOf(example));
      return [...wordsOf(example.pair!)].filter((word) => first.has(word)).length;
    };
    for (const least of [1, 2, 3, 4]) {
      const right = development.filter((example) => shared(example) >= least === (example.label === 1));
      expect(right.length / development.length).to.be.within(0.45, 0.6);
    }
  });
});
