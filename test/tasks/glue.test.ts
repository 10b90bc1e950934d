import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { GLUE_NAMES, type GlueName, readGlue } from "../../src/tasks/glue.ts";
import type { ClassificationTask, RegressionTask, SequenceExample } from "../../src/tasks/task.ts";
import { fixtureFolder, withChanged } from "./task-folder.ts";

const FOLDERS: Record<GlueName, string> = {
  "sst-2": "glue/SST-2",
  mnli: "glue/MNLI",
  mrpc: "glue/MRPC",
  cola: "glue/CoLA",
  qnli: "glue/QNLI",
  "sts-b": "glue/STS-B",
  qqp: "glue/QQP",
  rte: "glue/RTE",
  wnli: "glue/WNLI",
};

type SequenceTask = ClassificationTask | RegressionTask;

const read = (name: GlueName, folder = fixtureFolder(FOLDERS[name])) => readGlue(name, folder) as SequenceTask;

/** Text, pair (if any) and label of each example; the label by its name where it has one. */
function contents(task: SequenceTask, examples: readonly SequenceExample[]): unknown[][] {
  const nameOf = (label: number) => (task.kind === "classification" ? task.labels[label] : label);
  return examples.map(({ text, pair, label }) => [text, ...(pair === undefined ? [] : [pair]), nameOf(label)]);
}

// What stands in the files below test/fixtures/tasks/glue.
const EXPECTED: Record<
  GlueName,
  { labels?: string[]; metrics: string[]; train: unknown[][]; development: Record<string, unknown[][]> }
> = {
  "sst-2": {
    labels: ["negative", "positive"],
    metrics: ["accuracy"],
    train: [
      ["a slow , warm and quietly funny film ", "positive"],
      ["the jokes are older than the ship they are told on ", "negative"],
      ['" clever " is what it calls itself ', "negative"],
    ],
    development: {
      development: [
        ["it 's a café of a film : small , loud and full of life ", "positive"],
        ["two hours that feel like a winter ", "negative"],
      ],
    },
  },
  mnli: {
    labels: ["contradiction", "entailment", "neutral"],
    metrics: ["accuracy"],
    train: [
      ["The lamp went out before he read the letter.", "He read the letter by the lamp.", "contradiction"],
      ['yeah we "moved" up here in spring', "We have moved.", "entailment"],
      ["The ferry leaves at nine.", "The ferry is blue.", "neutral"],
    ],
    development: {
      matched: [
        ["The rule takes effect in May.", "The rule has an effect in May.", "entailment"],
        ["She sang.", "She was silent.", "contradiction"],
      ],
      mismatched: [["Words change.", "Words change slowly.", "neutral"]],
    },
  },
  mrpc: {
    labels: ["not_equivalent", "equivalent"],
    metrics: ["accuracy", "f1"],
    train: [
      [
        "The council voted on Tuesday to close the bridge , officials said .",
        "The bridge will be closed , the council decided on Tuesday .",
        "equivalent",
      ],
      ['" We lost the key , " he said .', 'He said : " We have three keys .', "not_equivalent"],
    ],
    development: { development: [["Shares rose 3 percent .", "Shares were up 3 percent .", "equivalent"]] },
  },
  cola: {
    labels: ["unacceptable", "acceptable"],
    metrics: ["matthews"],
    train: [
      ["The gardener watered the roses.", "acceptable"],
      ["The gardener watered the roses the.", "unacceptable"],
      ['Whom did you wonder "who" saw?', "unacceptable"],
    ],
    development: {
      development: [
        ["Maria thinks that it rains.", "acceptable"],
        ["Maria thinks that rains it.", "unacceptable"],
      ],
    },
  },
  qnli: {
    labels: ["entailment", "not_entailment"],
    metrics: ["accuracy"],
    train: [
      ["When was the mill built?", "The mill was built in 1823 by two brothers.", "entailment"],
      ['Who owns the "mill" today?', "It lies on the river north of the town.", "not_entailment"],
    ],
    development: {
      development: [["How high is the tower?", "From its 40 metres one sees the sea.", "entailment"]],
    },
  },
  "sts-b": {
    metrics: ["pearson", "spearman"],
    train: [
      ["A girl feeds a horse.", "A girl is feeding a horse.", 5],
      ["Storm nears coast", "Coast guard buys boat", 0.4],
    ],
    development: { development: [['I would "wait" a day.', "Wait for a day or two.", 3.75]] },
  },
  qqp: {
    labels: ["not_duplicate", "duplicate"],
    metrics: ["accuracy", "f1"],
    train: [
      ["How do I learn to sail?", "What is the best way to learn sailing?", "duplicate"],
      ["Is tea better than coffee?", "Why do cats purr?", "not_duplicate"],
      ["What is 水?", "", "not_duplicate"],
    ],
    development: { development: [["Can fish hear?", "Do fish have ears?", "not_duplicate"]] },
  },
  rte: {
    labels: ["entailment", "not_entailment"],
    metrics: ["accuracy"],
    train: [
      ["The company, founded in 1901, sold its last ship in May.", "The company was founded in 1901.", "entailment"],
      ['The river "Lin" floods every spring.', "The river floods in autumn.", "not_entailment"],
    ],
    development: { development: [["Two players were hurt.", "Nobody was hurt.", "not_entailment"]] },
  },
  wnli: {
    labels: ["not_entailment", "entailment"],
    metrics: ["accuracy"],
    train: [
      ["The cup fell on the plate and it broke.", "The plate broke.", "entailment"],
      ["Ann called Eve because she was late.", "Ann was late.", "not_entailment"],
    ],
    development: {
      development: [
        ["The box did not fit into the bag because it was too big.", "The bag was too big.", "not_entailment"],
      ],
    },
  },
};

describe("readGlue", () => {
  it("knows nine tasks", () => {
    expect(GLUE_NAMES).to.have.members(Object.keys(FOLDERS));
  });

  for (const name of GLUE_NAMES) {
    it(`reads ${name} as it is distributed`, () => {
      const task = read(name);
      const { labels, metrics, train, development } = EXPECTED[name];
      expect(task.name).to.equal(name);
      expect(task.kind).to.equal(labels === undefined ? "regression" : "classification");
      if (task.kind === "classification") expect(task.labels).to.deep.equal(labels);
      expect(task.metrics).to.deep.equal(metrics);
      expect(contents(task, task.train)).to.deep.equal(train);
      const sets = task.development.map((set) => [set.name, contents(task, set.examples)]);
      expect(sets).to.deep.equal(Object.entries(development));
    });
  }

  it("gives the same for lines that end with \\r\\n, without a last line end, with and without a byte-order mark", () => {
    const changes = [
      (text: string) => text.replaceAll("\n", "\r\n"),
      (text: string) => text.replace(/\n$/, ""),
      (text: string) => `\uFEFF${text.replace(/^\uFEFF/, "")}`,
      (text: string) => text.replace(/^\uFEFF/, ""),
    ];
    for (const name of GLUE_NAMES)
      for (const change of changes)
        expect(withChanged(FOLDERS[name], change, (folder) => read(name, folder))).to.deep.equal(read(name));
  });

  it("drops blank lines at the end, and refuses others", () => {
    expect(
      withChanged(
        "glue/RTE",
        (text) => `${text}\n \r\n`,
        (folder) => read("rte", folder),
      ),
    ).to.deep.equal(read("rte"));
    const within = (text: string) => text.replace("\n", "\n\n");
    expect(() => withChanged("glue/RTE", within, (folder) => read("rte", folder))).to.throw(
      /train\.tsv, line 2: 1 field where there must be 4$/,
    );
  });

  it("names an example by its file and line, so that no two have one name", () => {
    const { train, development } = read("mnli");
    expect(train.map(({ id }) => id)).to.deep.equal(["train-2", "train-3", "train-4"]);
    expect(development.map(({ examples }) => examples.map(({ id }) => id))).to.deep.equal([
      ["dev_matched-2", "dev_matched-4"],
      ["dev_mismatched-2"],
    ]);
    expect(read("cola").train[0].id).to.equal("train-1");
  });

  it("finds columns by name, whatever their order, and takes fields as they are", () => {
    const field = fc
      .string({ unit: "grapheme" })
      .map((text) => text.replace(/[\t\n\r]/g, " "))
      .filter((text) => text.isWellFormed() && !text.startsWith("\uFEFF"));
    const row = fc.record({
      index: field,
      sentence1: field,
      sentence2: field,
      label: fc.constantFrom("entailment", "not_entailment"),
      more: field,
    });
    const columns = ["index", "sentence1", "sentence2", "label", "more"] as const;
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 5 }),
        fc.shuffledSubarray([...columns], { minLength: columns.length }),
        (rows, order) => {
          const lines = [order, ...rows.map((each) => order.map((column) => each[column]))];
          const text = `${lines.map((fields) => fields.join("\t")).join("\n")}\n`;
          const { train } = withChanged(
            FOLDERS.rte,
            (old, file) => (file === "train.tsv" ? text : old),
            (folder) => read("rte", folder),
          );
          expect(train).to.deep.equal(
            rows.map(({ sentence1, sentence2, label }, index) => ({
              id: `train-${index + 2}`,
              text: sentence1,
              pair: sentence2,
              label: label === "entailment" ? 0 : 1,
            })),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it("leaves out QQP's records that a line break cut in pieces, and MNLI's pairs without an agreed label, and says so", () => {
    expect(read("qqp").skipped).to.equal("2 lines of train.tsv without all fields");
    expect(read("mnli").skipped).to.equal("1 line of dev_matched.tsv without an agreed label");
    expect(read("sst-2")).not.to.have.property("skipped");
  });

  describe("refuses", () => {
    const refusal = (name: GlueName, change: (text: string) => string | undefined, file = "train.tsv") =>
      withChanged(
        FOLDERS[name],
        (text, each) => (each === file ? change(text) : text),
        (folder) => {
          try {
            read(name, folder);
          } catch (error) {
            return (error as Error).message.replace(join(folder, "/"), "");
          }
          return "nothing";
        },
      );

    it("a missing folder and missing files, and says where they are got", () => {
      expect(() => read("rte", "/no/such")).to.throw(
        /^there is no file \/no\/such\/train\.tsv; .* gluebenchmark\.com\/tasks$/,
      );
      for (const file of ["train.tsv", "dev_matched.tsv", "dev_mismatched.tsv"]) {
        const message = refusal("mnli", () => undefined, file);
        expect(message)
          .to.match(/^there is no file /)
          .and.to.include(file)
          .and.to.match(/gluebenchmark\.com\/tasks$/);
      }
    });

    it("an empty file, and one with nothing but a header", () => {
      expect(refusal("rte", () => "")).to.equal("train.tsv is empty");
      expect(refusal("rte", (text) => text.slice(0, text.indexOf("\n") + 1))).to.equal("train.tsv holds no example");
      expect(refusal("qqp", (text) => text.replace(/\n.*$/s, "\na\tb\n"))).to.equal("train.tsv holds no example");
    });

    it("a header without one of the columns", () => {
      expect(refusal("rte", (text) => text.replace("sentence2", "hypothesis"))).to.equal(
        'train.tsv has no column "sentence2", only index, sentence1, hypothesis, label',
      );
      expect(refusal("sst-2", () => "<!DOCTYPE html>\n")).to.match(/has no column "sentence", only <!DOCTYPE html>$/);
    });

    it("an unknown label, and a score that is none", () => {
      expect(refusal("sst-2", (text) => text.replace("\t0\n", "\t2\n"))).to.equal(
        'train.tsv, line 3: the label "2" is none of 0, 1',
      );
      expect(refusal("qnli", (text) => text.replace("\tentailment\n", "\tneutral\n"))).to.equal(
        'train.tsv, line 2: the label "neutral" is none of entailment, not_entailment',
      );
      // That nobody agreed on a label is foreseen in MNLI alone.
      expect(refusal("rte", (text) => text.replace("\tentailment\n", "\t-\n"))).to.match(
        /line 2: the label "-" is none/,
      );
      for (const score of ["high", "", " ", "5.1", "-1", "NaN", "0x3", "1e0", "0b1", "+1", ".", "1.", "4 "]) {
        expect(refusal("sts-b", (text) => text.replace("0.400", score))).to.equal(
          `train.tsv, line 3: the score "${score}" is not a number from 0 to 5`,
        );
      }
    });

    it("a line without all fields, but in QQP", () => {
      expect(refusal("sts-b", (text) => text.replace("\t0.400", ""))).to.equal(
        "train.tsv, line 3: 9 fields where there must be 10",
      );
      expect(refusal("cola", (text) => text.replace("zz01\t0\t*\t", ""))).to.equal(
        "train.tsv, line 2: 1 field where there must be 4",
      );
    });
  });
});
