import { expect } from "chai";
import { loadCorpus } from "../../../src/data/corpus.ts";
import { splitByDocument } from "../../../src/data/split-by-document.ts";
import { parseExperiment } from "../../../src/lab/experiment.ts";
import { corpusOptionsOf } from "../../../src/lab/task.ts";
import { BROWN_SPLIT } from "../../../src/tasks/embedded/brown-sides.ts";
import type { ClassificationTask, SequenceExample } from "../../../src/tasks/task.ts";
import { bagOfWordsAccuracy, builtTwice, labelCounts, majorityShare, squeezed } from "./task-checks.ts";

const documentOf = ({ id }: SequenceExample): string => id.split("-")[0];

describe("brownGenreTask", () => {
  let task: ClassificationTask;
  let development: readonly SequenceExample[];
  before(() => {
    task = builtTwice("brown-genre");
    development = task.development[0].examples;
  });

  it("divides the corpus as an experiment does that says nothing else", () => {
    const model = { layers: 2, hidden: 8, heads: 2, context: 8, vocabulary: 300 };
    const recipe = { kind: "scratch" };
    const experiment = parseExperiment({
      name: "any",
      model: { family: "bert", ...model },
      recipe,
      training: { steps: 1, batch: 1, learningRate: { peak: 1 } },
    });
    const { corpus, validationFraction, seed } = corpusOptionsOf(experiment);
    expect(corpus).to.equal("brown");
    expect({ validationFraction, seed }).to.deep.equal(BROWN_SPLIT);
  });

  it("takes development paragraphs from the documents that pre-training validates on", () => {
    const { train, validation } = splitByDocument(loadCorpus("brown"), { validationFraction: 0.1, seed: 0 });
    expect(validation.map(({ id }) => id)).to.include.members([...new Set(development.map(documentOf))]);
    expect(train.map(({ id }) => id)).to.include.members([...new Set(task.train.map(documentOf))]);
    const genres = new Map([...train, ...validation].map(({ id, genre }) => [id, genre]));
    for (const example of [...task.train, ...development]) {
      expect(task.labels[example.label]).to.equal(genres.get(documentOf(example)));
    }
  });

  it("has no paragraph on both sides", () => {
    const known = new Set(task.train.map(({ text }) => squeezed(text)));
    expect(development.filter(({ text }) => known.has(squeezed(text)))).to.deep.equal([]);
  });

  it("has 20 to 100 words a paragraph and genres of nearly one size", () => {
    expect(task.labels).to.have.length(15);
    expect(task.train.length).to.be.within(3500, 4000);
    expect(development.length).to.be.within(750, 1000);
    for (const { text } of [...task.train, ...development]) expect(text.split(" ").length).to.be.within(20, 100);
    expect(Math.max(...labelCounts(task.train))).to.be.at.most(266);
    expect(Math.min(...labelCounts(task.train))).to.be.above(150);
    expect(majorityShare(development.map(({ label }) => label))).to.be.below(0.1);
  });

  it("has every genre in development but science fiction", () => {
    const found = new Set(development.map(({ label }) => task.labels[label]));
    expect(task.labels.filter((genre) => !found.has(genre))).to.deep.equal(["science_fiction"]);
  });

  it("can be learned by words, far from perfectly", () => {
    expect(bagOfWordsAccuracy(task.train, development)).to.be.within(0.16, 0.6);
  });
});
