/** SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018), from the files as they are distributed. */

import { join, kindOfPath, readJson } from "../data/files.ts";
import { shorten } from "../data/json-lines.ts";
import { officialFile } from "./official-file.ts";
import type { SpanAnswer, SpanExample, SpanTask } from "./task.ts";

/** The two files of a version, by their paths. */
export interface SquadFiles {
  readonly train: string;
  readonly development: string;
}

/** Where a user gets the files: one sentence, without its full stop. */
export const SQUAD_SOURCE =
  "the files of SQuAD (train-v1.1.json and dev-v1.1.json, or train-v2.0.json and dev-v2.0.json) are got from rajpurkar.github.io/SQuAD-explorer";

const VERSIONS = ["1.1", "2.0"];

/**
 * Reads SQuAD from a folder that holds the files of one version under their own names, or from two files.
 *
 * The files count where an answer starts in code points; {@link SpanAnswer} counts UTF-16 units. The development files list the
 * answers of several people, often the same ones; they stay as they are. `plausible_answers` are ignored.
 * @throws when a file is missing (saying where it is got), when the folder holds both versions, and, naming the file and the
 * question, when something is not as in the official files: a missing field, an answer that does not stand where it
 * should, an answer to a question marked `is_impossible` or none to another, an id that stands twice.
 */
export function readSquad(source: string | SquadFiles): SpanTask {
  const files = typeof source === "string" ? filesIn(source) : source;
  const ids = new Set<string>();
  const train = readFile(files.train, ids);
  const development = readFile(files.development, ids);
  if (train.version !== development.version) {
    throw new Error(
      `${files.train} is of version ${train.version}, but ${files.development} of version ${development.version}`,
    );
  }
  const hasUnanswerable = [...train.examples, ...development.examples].some(({ answers }) => answers.length === 0);
  const version = train.version.replace(/^v/, "");
  return {
    name: `squad-${version}`,
    kind: "spans",
    about: `Questions about paragraphs of Wikipedia, answered by a piece of the paragraph${hasUnanswerable ? " or not at all" : ""} (SQuAD ${version})`,
    train: train.examples,
    development: [{ name: "development", examples: development.examples }],
    metrics: ["span-f1", "exact-match"],
    hasUnanswerable,
  };
}

function filesIn(folder: string): SquadFiles {
  const namesOf = (version: string) => [`train-v${version}.json`, `dev-v${version}.json`];
  const found = VERSIONS.filter((version) =>
    namesOf(version).some((name) => kindOfPath(join(folder, name)) === "file"),
  );
  if (found.length > 1) throw new Error(`${folder} holds files of SQuAD ${found.join(" and ")}: name the two to read`);
  const [train, development] = namesOf(found[0] ?? VERSIONS[0]).map((name) => join(folder, name));
  return { train, development };
}

type Fields = Readonly<Record<string, unknown>>;

function readFile(path: string, ids: Set<string>): { version: string; examples: SpanExample[] } {
  const root = readJson(officialFile(path, SQUAD_SOURCE));
  const examples: SpanExample[] = [];
  for (const article of list(root, { name: "data", place: path })) {
    for (const paragraph of list(article, { name: "paragraphs", place: path })) {
      const context = text(paragraph, { name: "context", place: path });
      for (const entry of list(paragraph, { name: "qas", place: path })) {
        const example = readQuestion(entry, { context, path });
        if (ids.has(example.id)) throw new Error(`${path}, question ${example.id}: this id stands twice`);
        ids.add(example.id);
        examples.push(example);
      }
    }
  }
  if (examples.length === 0) throw new Error(`${path} holds no question`);
  return { version: text(root, { name: "version", place: path }), examples };
}

function readQuestion(entry: unknown, { context, path }: { context: string; path: string }): SpanExample {
  const id = text(entry, { name: "id", place: path });
  const place = `${path}, question ${id}`;
  const question = text(entry, { name: "question", place });
  const answers = list(entry, { name: "answers", place }).map((answer) => readAnswer(answer, { context, place }));
  const isImpossible = (entry as Fields).is_impossible === true;
  if (isImpossible && answers.length > 0) throw new Error(`${place}: it is marked is_impossible, but has an answer`);
  if (!isImpossible && answers.length === 0)
    throw new Error(`${place}: it has no answer, but is not marked is_impossible`);
  return { id, question, context, answers };
}

function readAnswer(answer: unknown, { context, place }: { context: string; place: string }): SpanAnswer {
  const words = text(answer, { name: "text", place });
  const { answer_start: codePoints } = answer as Fields;
  if (typeof codePoints !== "number" || !Number.isInteger(codePoints) || codePoints < 0)
    throw new Error(`${place}: expected a whole number "answer_start", found ${found(codePoints)}`);
  const start = unitsOf(context, codePoints);
  if (words === "" || !context.startsWith(words, start))
    throw new Error(`${place}: the answer "${shorten(words)}" does not stand at ${codePoints} in the context`);
  return { text: words, start };
}

/** How many UTF-16 units the first so many code points of a text take; beyond its end, more than it has. */
function unitsOf(content: string, codePoints: number): number {
  if (codePoints > content.length) return Number.POSITIVE_INFINITY;
  let units = 0;
  for (let index = 0; index < codePoints; index++) units += (content.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  return units;
}

function list(owner: unknown, { name, place }: { name: string; place: string }): unknown[] {
  const value = (owner as Fields | null)?.[name];
  if (!Array.isArray(value)) throw new Error(`${place}: expected a list "${name}", found ${found(value)}`);
  return value;
}

function text(owner: unknown, { name, place }: { name: string; place: string }): string {
  const value = (owner as Fields | null)?.[name];
  if (typeof value !== "string") throw new Error(`${place}: expected a text "${name}", found ${found(value)}`);
  return value;
}

function found(value: unknown): string {
  return value === undefined ? "nothing" : shorten(JSON.stringify(value));
}
