import { expect } from "chai";
import fc from "fast-check";
import { commonest } from "../../scripts/baselines/commonest.ts";
import { naiveBayes, wordsIn } from "../../scripts/baselines/naive-bayes.ts";
import { wordTags } from "../../scripts/baselines/word-tags.ts";
import { baselineTable } from "../../scripts/task-baselines.ts";
import { sentimentTask } from "../../src/tasks/embedded/sentiment.ts";
import { accuracy } from "../../src/tasks/metrics.ts";
import type { ClassificationTask, SpanTask, TaggingTask } from "../../src/tasks/task.ts";

/** The documents of Manning, Raghavan and Schütze 2008, table 13.1: 1 is the class China. */
const CHINA = [
  { text: "Chinese Beijing Chinese", label: 1 },
  { text: "Chinese Chinese Shanghai", label: 1 },
  { text: "Chinese Macao", label: 1 },
  { text: "Tokyo Japan Chinese", label: 0 },
];

describe("commonest label", () => {
  it("occurs as often as any other", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { minLength: 1 }), (labels) => {
        const timesOf = (label: number) => labels.filter((each) => each === label).length;
        expect(timesOf(commonest(labels))).to.equal(Math.max(...labels.map(timesOf)));
      }),
    );
  });

  it("is the first of equally common ones, and needs a label", () => {
    expect(commonest([3, 1, 1, 3, 2])).to.equal(3);
    expect(() => commonest([])).to.throw("no labels: there is no commonest one");
  });
});

describe("naive Bayes", () => {
  const classOf = naiveBayes(CHINA);

  it("has the runs of letters and digits of both texts for words", () => {
    expect(wordsIn({ text: "Don't: 3-year-old Café_Ñ!", pair: "End" })).to.deep.equal([
      "don",
      "t",
      "3",
      "year",
      "old",
      "café",
      "ñ",
      "end",
    ]);
    expect(wordsIn({ text: "…" })).to.deep.equal([]);
  });

  it("answers as the book's example and as fractions by hand", () => {
    // Of China 3/4·(3/7)³·(1/14)² ≈ 0.00030, of the other 1/4·(2/9)³·(2/9)² ≈ 0.00014.
    expect(classOf({ text: "Chinese Chinese Chinese Tokyo Japan" })).to.equal(1);
    // 3/4·1/14 ≈ 0.0536 and 1/4·2/9 ≈ 0.0556.
    expect(classOf({ text: "Tokyo" })).to.equal(0);
    // 3/4·3/7·1/14 ≈ 0.0230 and 1/4·2/9·2/9 ≈ 0.0123.
    expect(classOf({ text: "Chinese Tokyo" })).to.equal(1);
    expect(classOf({ text: "" })).to.equal(1);
  });

  it("lets words count for nothing that training has not seen", () => {
    // As words that occur nowhere, each would weigh 1/14 against 1/9.
    expect(classOf({ text: "Chinese Tokyo in Osaka now" })).to.equal(1);
  });

  it("learns from both texts of pairs, and reads both", () => {
    const ofPair = naiveBayes([
      { text: "a", pair: "yes", label: 7 },
      { text: "a", pair: "no", label: 2 },
    ]);
    expect(["yes", "no"].map((pair) => ofPair({ text: "a", pair }))).to.deep.equal([7, 2]);
    expect(ofPair({ text: "no" })).to.equal(2);
  });

  it("does not see order, case and marks", () => {
    const words = fc.array(fc.constantFrom("chinese", "tokyo", "japan", "macao", "osaka"));
    fc.assert(
      fc.property(
        words.chain((some) => fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length }))),
        ([some, shuffled]) => {
          expect(classOf({ text: shuffled.join("! ").toUpperCase() })).to.equal(classOf({ text: some.join(" ") }));
        },
      ),
    );
  });

  it("is right as often as scikit-learn's on the sentences of reviews", () => {
    // MultinomialNB() over CountVectorizer(token_pattern=r"[^\W_]+") of scikit-learn: 499 of 600.
    const { train, development } = sentimentTask();
    const [{ examples }] = development;
    const predicted = examples.map(naiveBayes(train));
    expect(
      accuracy(
        predicted,
        examples.map(({ label }) => label),
      ) * examples.length,
    ).to.be.closeTo(499, 1e-9);
  });
});

describe("tags of words alone", () => {
  const tagOf = wordTags([
    { words: ["The", "run", "ends"], tags: [0, 1, 2] },
    { words: ["They", "run", "and", "run"], tags: [3, 2, 4, 2] },
    { words: ["May", "may", "end"], tags: [1, 2, 2] },
  ]);

  it("are each word's commonest one, as it is written", () => {
    expect(["run", "and", "May", "may"].map(tagOf)).to.deep.equal([2, 4, 1, 2]);
  });

  it("are the commonest of all for unknown words", () => {
    expect(["walk", "Run", "constructor"].map(tagOf)).to.deep.equal([2, 2, 2]);
  });
});

describe("table of tasks without a model", () => {
  const common = { about: "", labels: ["a", "b", "c"] };
  const texts: ClassificationTask = {
    ...{ ...common, name: "texts", kind: "classification", metrics: ["f1", "accuracy"] },
    train: CHINA.map((example, id) => ({ ...example, id: String(id) })),
    development: [
      {
        name: "first",
        examples: [
          { id: "d1", text: "tokyo", label: 0 },
          { id: "d2", text: "japan", label: 0 },
          { id: "d3", text: "macao", label: 1 },
          { id: "d4", text: "shanghai", label: 0 },
        ],
      },
      { name: "second", examples: [] },
    ],
  };

  it("measures by every metric of a task", () => {
    // Always 1: F1 is 2/(2 + 3). By words 0, 0, 1, 1: F1 is 2/(2 + 1).
    expect(baselineTable([texts]).rows).to.deep.equal([
      { label: "texts", cells: ["4", "f1", "40.0", "66.7"] },
      { label: "texts", cells: ["4", "accuracy", "25.0", "75.0"] },
    ]);
  });

  it("learns all, and what transfer learns from the beginning", () => {
    const sentence = (tag: number) => ({ id: "", words: ["word"], tags: [tag] });
    const tags: TaggingTask = {
      ...{ ...common, name: "brown-tags", kind: "tagging", metrics: ["accuracy"] },
      train: [...new Array(1500).fill(sentence(0)), ...new Array(1501).fill(sentence(1))],
      development: [{ name: "", examples: [{ id: "d", words: ["word", "other", "word"], tags: [0, 1, 1] }] }],
    };
    expect(baselineTable([tags]).rows).to.deep.equal([
      { label: "brown-tags", cells: ["3,001", "accuracy", "66.7", "66.7"] },
      { label: "brown-tags", cells: ["1,500", "accuracy", "33.3", "33.3"] },
    ]);
  });

  it("answers no question", () => {
    const question = (id: string, answers: string[]) => ({
      ...{ id, question: "", context: "Rome", answers: answers.map((text) => ({ text, start: 0 })) },
    });
    const spans: SpanTask = {
      ...{
        name: "spans",
        kind: "spans",
        about: "",
        metrics: ["span-f1", "exact-match"],
        hasUnanswerable: true,
        train: [],
      },
      development: [{ name: "", examples: [question("1", ["Rome"]), question("2", []), question("3", ["Rome"])] }],
    };
    expect(baselineTable([spans]).rows).to.deep.equal([
      { label: "spans", cells: ["–", "span-f1", "33.3", "–"] },
      { label: "spans", cells: ["–", "exact-match", "33.3", "–"] },
    ]);
  });
});
