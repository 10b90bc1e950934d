/** The tasks of GLUE (Wang et al. 2019, "GLUE: A Multi-Task Benchmark and Analysis Platform"), from the files of its archive. */

import { basename, join } from "../data/files.ts";
import { shorten } from "../data/json-lines.ts";
import { officialFile } from "./official-file.ts";
import { readTabSeparated } from "./tab-separated.ts";
import type { DevelopmentSet, LabelledTask, Metric, SequenceExample } from "./task.ts";

/** How one task lies in its files. */
interface GlueFormat {
  readonly about: string;
  /** Names of columns. */
  readonly text: string;
  readonly pair?: string;
  readonly label: string;
  /** The columns in order, where the files have no header. */
  readonly columns?: readonly string[];
  /** Names of the classes; absent where the label is a score. */
  readonly classes?: readonly string[];
  /** What stands in the files for each class, where it is not its name. */
  readonly written?: readonly string[];
  /** Stands where people did not agree on a label; such a row is left out. */
  readonly undecided?: string;
  /** Whether rows that lack a field are left out; elsewhere they are refused. */
  readonly hasBrokenRows?: boolean;
  readonly metrics: readonly Metric[];
  /** File names by the set's name; `dev.tsv` alone when absent. */
  readonly development?: Readonly<Record<string, string>>;
}

const BINARY = ["0", "1"];
const ENTAILMENT = ["entailment", "not_entailment"];

const FORMATS = {
  "sst-2": {
    about: "Sentences and phrases from film reviews, and whether they speak well of the film (SST-2)",
    text: "sentence",
    label: "label",
    classes: ["negative", "positive"],
    written: BINARY,
    metrics: ["accuracy"],
  },
  mnli: {
    about: "Pairs of sentences of ten genres, and whether the second follows from the first or contradicts it (MNLI)",
    text: "sentence1",
    pair: "sentence2",
    label: "gold_label",
    classes: ["contradiction", "entailment", "neutral"],
    undecided: "-",
    metrics: ["accuracy"],
    development: { matched: "dev_matched.tsv", mismatched: "dev_mismatched.tsv" },
  },
  mrpc: {
    about: "Pairs of sentences from the news, and whether they say the same (MRPC)",
    text: "#1 String",
    pair: "#2 String",
    label: "Quality",
    classes: ["not_equivalent", "equivalent"],
    written: BINARY,
    metrics: ["accuracy", "f1"],
  },
  cola: {
    about: "Sentences from books and articles on linguistics, and whether they are grammatical English (CoLA)",
    columns: ["source", "label", "star", "sentence"],
    text: "sentence",
    label: "label",
    classes: ["unacceptable", "acceptable"],
    written: BINARY,
    metrics: ["matthews"],
  },
  qnli: {
    about: "Questions with a sentence of a Wikipedia paragraph, and whether it holds the answer (QNLI)",
    text: "question",
    pair: "sentence",
    label: "label",
    classes: ENTAILMENT,
    metrics: ["accuracy"],
  },
  "sts-b": {
    about: "Pairs of sentences from headlines, captions and forums, and how alike they are, from 0 to 5 (STS-B)",
    text: "sentence1",
    pair: "sentence2",
    label: "score",
    metrics: ["pearson", "spearman"],
  },
  qqp: {
    about: "Pairs of questions asked on Quora, and whether they ask the same (QQP)",
    text: "question1",
    pair: "question2",
    label: "is_duplicate",
    classes: ["not_duplicate", "duplicate"],
    written: BINARY,
    hasBrokenRows: true,
    metrics: ["accuracy", "f1"],
  },
  rte: {
    about: "Pairs of short texts, and whether the second follows from the first (RTE)",
    text: "sentence1",
    pair: "sentence2",
    label: "label",
    classes: ENTAILMENT,
    metrics: ["accuracy"],
  },
  wnli: {
    about: "A sentence with a pronoun and one with what it may stand for, and whether it does (WNLI)",
    text: "sentence1",
    pair: "sentence2",
    label: "label",
    classes: ["not_entailment", "entailment"],
    written: BINARY,
    metrics: ["accuracy"],
  },
} as const satisfies Record<string, GlueFormat>;

export type GlueName = keyof typeof FORMATS;

export const GLUE_NAMES = Object.keys(FORMATS) as GlueName[];

/** Where a user gets the files: one sentence, without its full stop. */
export const GLUE_SOURCE =
  "the files of the GLUE tasks (train.tsv and dev.tsv, or dev_matched.tsv and dev_mismatched.tsv) are got from gluebenchmark.com/tasks";

const LARGEST_SCORE = 5;
/** By itself Number() would also take "", "0x3" and "1e0". */
const DECIMAL = /^\d+(\.\d+)?$/;

/**
 * Reads a task of GLUE from the folder in which its archive keeps it: `train.tsv` with `dev.tsv`, for MNLI with
 * `dev_matched.tsv` and `dev_mismatched.tsv`, which become the development sets "matched" and "mismatched". Columns are found
 * by the names in the header; CoLA, whose files have none, by their place. What follows the last column is ignored.
 *
 * The classes are in the order of the numbers that stand for them in the files; where names stand there, in alphabetical
 * order (MNLI: contradiction, entailment, neutral). An example's id is its file and line, such as "train-2".
 *
 * A row that lacks a field is refused, but for QQP: in its train.tsv line breaks within questions cut a few records in
 * pieces (github.com/nyu-mll/GLUE-baselines, issue 5), which everybody leaves out. They are left out here too, as are
 * rows of MNLI whose gold label is "-", and counted in the task's `skipped`.
 * @throws when a file is missing (saying where it is got), empty or without one of the columns, when a label is none of the
 * task's, naming file and line, and when a file holds no example.
 */
export function readGlue(name: GlueName, folder: string): LabelledTask {
  const format: GlueFormat = FORMATS[name];
  const notes: string[] = [];
  const read = (file: string): SequenceExample[] => {
    const { examples, left } = readExamples(officialFile(join(folder, file), GLUE_SOURCE), format);
    notes.push(...left);
    return examples;
  };
  const train = read("train.tsv");
  const development: DevelopmentSet<SequenceExample>[] = Object.entries(
    format.development ?? { development: "dev.tsv" },
  ).map(([set, file]) => ({ name: set, examples: read(file) }));
  const { about, metrics, classes } = format;
  const skipped = notes.length > 0 ? { skipped: notes.join("; ") } : {};
  const task = { name, about, ...skipped, train, development, metrics };
  return classes === undefined ? { ...task, kind: "regression" } : { ...task, kind: "classification", labels: classes };
}

/** The examples of one file, and what was left out of it. */
function readExamples(path: string, format: GlueFormat): { examples: SequenceExample[]; left: string[] } {
  const { columns, rows } = readTabSeparated(path, format.columns);
  const placeOf = (column: string): number => {
    const place = columns.indexOf(column);
    if (place < 0) throw new Error(`${path} has no column "${column}", only ${shorten(columns.join(", "))}`);
    return place;
  };
  const text = placeOf(format.text);
  const pair = format.pair === undefined ? undefined : placeOf(format.pair);
  const label = placeOf(format.label);
  const file = basename(path);
  const stem = file.replace(/\.tsv$/, "");
  const examples: SequenceExample[] = [];
  let broken = 0;
  let undecided = 0;
  for (const { line, fields } of rows) {
    const place = `${path}, line ${line}`;
    if (fields.length < columns.length) {
      if (!format.hasBrokenRows)
        throw new Error(`${place}: ${count(fields.length, "field")} where there must be ${columns.length}`);
      broken++;
    } else if (fields[label] === format.undecided) undecided++;
    else
      examples.push({
        id: `${stem}-${line}`,
        text: fields[text],
        ...(pair === undefined ? {} : { pair: fields[pair] }),
        label: readLabel(fields[label], { place, format }),
      });
  }
  if (examples.length === 0) throw new Error(`${path} holds no example`);
  const left: string[] = [];
  if (broken > 0) left.push(`${count(broken, "line")} of ${file} without all fields`);
  if (undecided > 0) left.push(`${count(undecided, "line")} of ${file} without an agreed label`);
  return { examples, left };
}

function readLabel(value: string, { place, format }: { place: string; format: GlueFormat }): number {
  if (format.classes === undefined) {
    const score = Number(value);
    if (!(DECIMAL.test(value) && score <= LARGEST_SCORE))
      throw new Error(`${place}: the score "${shorten(value)}" is not a number from 0 to ${LARGEST_SCORE}`);
    return score;
  }
  const written = format.written ?? format.classes;
  const label = written.indexOf(value);
  if (label < 0) throw new Error(`${place}: the label "${shorten(value)}" is none of ${written.join(", ")}`);
  return label;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
