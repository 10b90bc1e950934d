/** A task from the user's own files. */

import { basename, join, kindOfPath, readText } from "../data/files.ts";
import { type JsonLine, parseLines } from "../data/json-lines.ts";
import type { LabelledTask, SequenceExample, TaggedExample } from "./task.ts";

const TRAINING_FILE = "train.jsonl";
const DEVELOPMENT_FILE = "dev.jsonl";

/** The fields that can hold what is to be learned. */
const TARGETS = ["label", "score", "tags"] as const;
type Target = (typeof TARGETS)[number];

/** Whether a path is a folder with a task in this form. */
export function isOwnTask(folder: string): boolean {
  return kindOfPath(folder) === "folder" && kindOfPath(join(folder, TRAINING_FILE)) === "file";
}

/**
 * The task in `train.jsonl` and `dev.jsonl` of a folder: an object per line. `{"text", "label"}` classifies, `{"text", "score"}`
 * is regression, both with a second text in `"pair"` if there is one; `{"words", "tags"}` tags. Labels and tags are texts; those of the
 * training side, sorted, are the task's.
 * @throws naming file and line, where a line is no such object, a label is not among those of the training side, a file is missing or empty, or there is only one label.
 */
export function readOwnTask(folder: string): LabelledTask {
  const [training, development] = [TRAINING_FILE, DEVELOPMENT_FILE].map((file) => linesOf(folder, file));
  const target = targetOf(training[0]);
  const common = { name: basename(folder), about: `The user's own examples in ${folder}.` };
  const labels = target === "score" ? [] : [...new Set(training.flatMap((line) => labelsOf(line, target)))].sort();
  const indexOf = (label: string, { place }: JsonLine) => {
    const index = labels.indexOf(label);
    if (index < 0)
      throw new Error(`${place}: the label "${label}" is none of the training side's: ${labels.join(", ")}`);
    return index;
  };
  const sides = <Example>(example: (line: JsonLine) => Example) => {
    const train = training.map(example);
    // What is wrong of one line is told before what all of them lack.
    if (labels.length === 1)
      throw new Error(`${join(folder, TRAINING_FILE)}: every label is "${labels[0]}", which leaves nothing to learn`);
    return { train, development: [{ name: "dev", examples: development.map(example) }] };
  };
  switch (target) {
    case "score":
      return {
        ...{ ...common, kind: "regression", metrics: ["pearson", "spearman"] },
        ...sides((line) => sequence(line, scoreOf(line))),
      };
    case "label":
      return {
        ...{ ...common, kind: "classification", labels, metrics: ["accuracy"] },
        ...sides((line) => sequence(line, indexOf(textOf(line, "label"), line))),
      };
    case "tags":
      return {
        ...{ ...common, kind: "tagging", labels, metrics: ["accuracy"] },
        ...sides((line) => tagged(line, indexOf)),
      };
  }
}

function linesOf(folder: string, file: string): JsonLine[] {
  const path = join(folder, file);
  if (kindOfPath(path) !== "file")
    throw new Error(
      `there is no file ${path}: a task needs ${TRAINING_FILE} to learn from and ${DEVELOPMENT_FILE} to be measured on`,
    );
  const lines = parseLines(readText(path), path);
  if (lines.length === 0) throw new Error(`${path} holds no examples`);
  return lines;
}

function targetOf({ place, record }: JsonLine): Target {
  const found = TARGETS.filter((field) => field in record);
  if (found.length !== 1)
    throw new Error(
      `${place}: an example has one of the fields label, score and tags, this one ${found.join(" and ") || "none"}`,
    );
  return found[0];
}

function sequence(line: JsonLine, label: number): SequenceExample {
  const { place, record } = line;
  const { pair } = record;
  if (pair !== undefined && typeof pair !== "string")
    throw new Error(`${place}: "pair" is ${JSON.stringify(pair)}, not a text`);
  return { id: idOf(line), text: textOf(line, "text"), ...(pair !== undefined && { pair }), label };
}

function tagged(line: JsonLine, indexOf: (label: string, line: JsonLine) => number): TaggedExample {
  const words = textsOf(line, "words");
  const tags = textsOf(line, "tags").map((tag) => indexOf(tag, line));
  if (words.length !== tags.length)
    throw new Error(`${line.place}: there are ${words.length} words and ${tags.length} tags`);
  return { id: idOf(line), words, tags };
}

/** "…/dev.jsonl, line 3" is "dev-3": predictions are named alike wherever the folder is. */
const idOf = ({ place }: JsonLine) => basename(place).replace(/\.jsonl, line (\d+)$/, "-$1");

const labelsOf = (line: JsonLine, target: "label" | "tags") =>
  target === "label" ? [textOf(line, "label")] : textsOf(line, "tags");

function textOf({ place, record }: JsonLine, field: string): string {
  const value = record[field];
  if (typeof value !== "string")
    throw new Error(`${place}: "${field}" is ${JSON.stringify(value) ?? "missing"}, not a text`);
  return value;
}

function textsOf({ place, record }: JsonLine, field: string): string[] {
  const value = record[field];
  if (!Array.isArray(value) || value.length === 0 || !value.every((item) => typeof item === "string"))
    throw new Error(`${place}: "${field}" is ${JSON.stringify(value) ?? "missing"}, not a list of texts`);
  return value;
}

function scoreOf({ place, record }: JsonLine): number {
  const { score } = record;
  if (typeof score !== "number" || !Number.isFinite(score))
    throw new Error(`${place}: "score" is ${JSON.stringify(score) ?? "missing"}, not a number`);
  return score;
}
