import { expect } from "chai";
import { loadCorpus } from "../../../src/data/corpus.ts";
import { splitByDocument } from "../../../src/data/split-by-document.ts";
import type { TaggedExample, TaggingTask } from "../../../src/tasks/task.ts";
import { builtTwice, commonestTagAccuracy, majorityShare, squeezed } from "./task-checks.ts";

const documentOf = ({ id }: TaggedExample): string => id.split("-")[0];

describe("brownTagsTask", () => {
  let task: TaggingTask;
  let development: readonly TaggedExample[];
  before(() => {
    task = builtTwice("brown-tags");
    development = task.development[0].examples;
  });

  it("has 6,000 and 1,000 sentences of 4 to 40 words, each word with a tag", () => {
    expect(task.train.length).to.be.within(5950, 6000);
    expect(development).to.have.length(1000);
    for (const { words, tags } of [...task.train, ...development]) {
      expect(words.length).to.be.within(4, 40);
      expect(tags).to.have.length(words.length);
      expect(tags.every((tag) => tag in task.labels)).to.equal(true);
      expect(words.every((word) => /^\S+$/.test(word))).to.equal(true);
    }
  });

  it("writes words as in running text", () => {
    const words = new Set([...task.train, ...development].flatMap((example) => example.words));
    expect(words.has('"')).to.equal(true);
    for (const code of ["``", "''", "**f", "*&0"])
      expect([...words].filter((word) => word.includes(code))).to.deep.equal([]);
  });

  it("takes development sentences from the documents that pre-training validates on, and none that training has", () => {
    const { train, validation } = splitByDocument(loadCorpus("brown"), { validationFraction: 0.1, seed: 0 });
    expect(validation.map(({ id }) => id)).to.include.members([...new Set(development.map(documentOf))]);
    expect(train.map(({ id }) => id)).to.include.members([...new Set(task.train.map(documentOf))]);
    const known = new Set(task.train.map(({ words }) => squeezed(words.join(""))));
    expect(development.filter(({ words }) => known.has(squeezed(words.join(""))))).to.deep.equal([]);
  });

  it("is not learned by one tag, and to nine tenths by each word's commonest", () => {
    expect(majorityShare(development.flatMap(({ tags }) => tags))).to.be.below(0.26);
    expect(commonestTagAccuracy(task.train, development)).to.be.within(0.86, 0.94);
  });
});
