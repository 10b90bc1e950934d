import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { readOwnTask } from "../../src/tasks/own-task.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

/** The task in files of these lines; what is undefined has no file. */
function taskOf(files: { train?: readonly object[]; dev?: readonly object[] }) {
  return withTemporaryFolder((folder) => {
    for (const [name, lines] of Object.entries(files))
      writeFileSync(join(folder, `${name}.jsonl`), lines.map((line) => JSON.stringify(line)).join("\n"));
    try {
      return readOwnTask(folder);
    } catch (error) {
      throw new Error((error as Error).message.replaceAll(join(folder, "/"), ""));
    }
  });
}

const refusal = (train: readonly object[], dev: readonly object[] = train): string => {
  try {
    taskOf({ train, dev });
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
};

const SPORT = { text: "They won.", label: "sport" };
const WEATHER = { text: "It rains.", label: "weather" };

describe("a task of the user's own", () => {
  it("classifies texts and pairs, its labels in alphabetical order", () => {
    const { kind, train, development, ...rest } = taskOf({
      train: [{ ...WEATHER, pair: "Snow." }, SPORT],
      dev: [SPORT],
    });
    expect(kind).to.equal("classification");
    expect(rest).to.deep.include({ labels: ["sport", "weather"], metrics: ["accuracy"] });
    expect(train).to.deep.equal([
      { id: "train-1", text: "It rains.", pair: "Snow.", label: 1 },
      { id: "train-2", text: "They won.", label: 0 },
    ]);
    expect(development).to.deep.equal([{ name: "dev", examples: [{ id: "dev-1", text: "They won.", label: 0 }] }]);
  });

  it("gives scores", () => {
    const { kind, train, metrics } = taskOf({
      train: [{ text: "a", pair: "b", score: -2.5 }],
      dev: [{ text: "a", score: 1 }],
    });
    expect(kind).to.equal("regression");
    expect(metrics).to.deep.equal(["pearson", "spearman"]);
    expect(train).to.deep.equal([{ id: "train-1", text: "a", pair: "b", label: -2.5 }]);
  });

  it("tags words", () => {
    const { kind, train, ...rest } = taskOf({
      train: [{ words: ["Ann", "sings"], tags: ["name", "verb"] }],
      dev: [{ words: ["Sing"], tags: ["verb"] }],
    });
    expect(kind).to.equal("tagging");
    expect(rest).to.deep.include({ labels: ["name", "verb"], metrics: ["accuracy"] });
    expect(train).to.deep.equal([{ id: "train-1", words: ["Ann", "sings"], tags: [0, 1] }]);
  });

  describe("refuses, with file and line,", () => {
    it("a missing or an empty side", () => {
      const needs = "a task needs train.jsonl to learn from and dev.jsonl to be measured on";
      expect(() => taskOf({ train: [SPORT] })).to.throw(`there is no file dev.jsonl: ${needs}`);
      expect(refusal([SPORT, WEATHER], [])).to.equal("dev.jsonl holds no examples");
    });

    it("one label alone, and one that is not learned", () => {
      expect(refusal([SPORT, SPORT])).to.equal('train.jsonl: every label is "sport", which leaves nothing to learn');
      expect(refusal([SPORT], [WEATHER])).to.equal(
        'train.jsonl: every label is "sport", which leaves nothing to learn',
      );
      expect(refusal([SPORT, WEATHER], [{ text: "?", label: "art" }])).to.equal(
        'dev.jsonl, line 1: the label "art" is none of the training side\'s: sport, weather',
      );
    });

    const words = { words: ["Ann", "sings"], tags: ["name", "verb"] };
    const refused: [what: string, lines: object[], sentence: string][] = [
      ["nothing to learn", [{ text: "a" }], "an example has one of the fields label, score and tags, this one none"],
      [
        "two things to learn",
        [{ ...SPORT, score: 1 }],
        "an example has one of the fields label, score and tags, this one label and score",
      ],
      ["a label that is no text", [{ text: "a", label: 1 }], '"label" is 1, not a text'],
      ["no text", [SPORT, { label: "weather" }], '"text" is missing, not a text'],
      ["a pair that is no text", [WEATHER, { ...SPORT, pair: ["a"] }], '"pair" is ["a"], not a text'],
      ["a score that is no number", [{ text: "a", score: "5" }], '"score" is "5", not a number'],
      ["words without tags", [words, { ...words, tags: ["verb"] }], "there are 2 words and 1 tags"],
      ["words with another number of the only tag", [{ ...words, tags: ["verb"] }], "there are 2 words and 1 tags"],
      ["a text that is none, of the only label", [SPORT, { ...SPORT, text: 3 }], '"text" is 3, not a text'],
      ["no words", [words, { ...words, words: [] }], '"words" is [], not a list of texts'],
    ];
    for (const [what, lines, sentence] of refused)
      it(what, () => expect(refusal(lines)).to.equal(`train.jsonl, line ${lines.length}: ${sentence}`));
  });
});
