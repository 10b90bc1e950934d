import { expect } from "chai";
import type { ClassificationTask } from "../../../src/tasks/task.ts";
import { bagOfWordsAccuracy, builtTwice, labelCounts, squeezed } from "./task-checks.ts";

describe("sentimentTask", () => {
  let task: ClassificationTask;
  before(() => {
    task = builtTwice("sentiment");
  });

  it("has a fifth of its sentences in development, as many of each class from each source", () => {
    const [{ examples }] = task.development;
    for (const source of ["amazon", "imdb", "yelp"]) {
      expect(labelCounts(examples.filter(({ id }) => id.startsWith(source)))).to.deep.equal([100, 100]);
    }
    expect(task.train.length + examples.length).to.be.within(2950, 3000);
    const [negative, positive] = labelCounts(task.train);
    expect(negative / (negative + positive)).to.be.within(0.49, 0.51);
  });

  it("has no sentence twice, on one side or on both", () => {
    const texts = [...task.train, ...task.development[0].examples].map(({ text }) => squeezed(text));
    expect(new Set(texts).size).to.equal(texts.length);
  });

  it("has tidy sentences with the labels of the files", () => {
    for (const { text } of task.train) {
      expect(text).to.match(/^\S/);
      expect(text).not.to.match(/\s\s|\s$|\p{Cc}/u);
    }
    const labelled = new Map([...task.train, ...task.development[0].examples].map(({ text, label }) => [text, label]));
    expect(labelled.get("Crust is not good.")).to.equal(0);
    expect(labelled.get("Wow... Loved this place.")).to.equal(1);
    expect(labelled.get("The script is…was there a script?")).to.equal(0);
  });

  it("can be learned by words, and not perfectly", () => {
    expect(bagOfWordsAccuracy(task.train, task.development[0].examples)).to.be.within(0.75, 0.9);
  });
});
