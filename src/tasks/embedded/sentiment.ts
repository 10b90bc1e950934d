/** Sentences of reviews, praising or not. */

import { join, packageFolder, readJson } from "../../data/files.ts";
import { Random } from "../../tensor/random.ts";
import type { ClassificationTask, SequenceExample } from "../task.ts";
import { shuffled } from "./shuffled.ts";
import { textKey } from "./text-key.ts";

const SOURCES = ["amazon", "imdb", "yelp"];
const LABELS = ["negative", "positive"];
/** Of each class of each source: 600 sentences, about a fifth. */
const DEVELOPMENT_PER_CLASS = 100;

/** Marks that the files hold as the control characters which Windows-1252 has in their place. */
const WINDOWS_MARKS: Record<string, string> = { "\u0085": "…", "\u0096": "–", "\u0097": "—" };

/**
 * The 3 × 1,000 labelled sentences of Kotzias et al. ("From Group to Individual Labels using Deep Features", KDD 2015), which
 * the npm package `sentiment` has among its tests. Of sentences that differ in case or marks alone the first is kept.
 * @throws when the package is not installed.
 */
export function sentimentTask(): ClassificationTask {
  const folder = join(packageFolder("sentiment"), "test", "fixtures");
  const random = Random.stream(0, "sentiment");
  const seen = new Set<string>();
  const train: SequenceExample[] = [];
  const development: SequenceExample[] = [];
  for (const source of SOURCES) {
    const examples = sentences(source, join(folder, `${source}.json`)).filter(({ text }) => isNew(textKey(text), seen));
    for (const label of LABELS.keys()) {
      const ofClass = shuffled(
        examples.filter((example) => example.label === label),
        random,
      );
      development.push(...ofClass.slice(0, DEVELOPMENT_PER_CLASS));
      train.push(...ofClass.slice(DEVELOPMENT_PER_CLASS));
    }
  }
  return {
    name: "sentiment",
    kind: "classification",
    about:
      "Sentences from reviews of products, films and restaurants, praising or not: an analogue of SST-2 from the npm package sentiment.",
    isNot:
      "It is not SST-2: 3,000 whole sentences from three sites, clearly of one kind, where SST-2 has 67,000 phrases of film reviews, so scores cannot be compared with published ones.",
    labels: LABELS,
    train: shuffled(train, random),
    development: [{ name: "development", examples: shuffled(development, random) }],
    metrics: ["accuracy"],
  };
}

/** The labelled sentences of a file; each file ends in an entry without a text and a class. */
function sentences(source: string, path: string): SequenceExample[] {
  const entries = readJson(path) as readonly { text: string; class: number | null }[];
  return entries.flatMap(({ text, class: label }, index) =>
    label === null || label === undefined ? [] : [{ id: `${source}-${index + 1}`, text: cleaned(text), label }],
  );
}

function cleaned(text: string): string {
  return text
    .replace(/[\u0080-\u009f]/g, (mark) => WINDOWS_MARKS[mark] ?? " ")
    .replace(/\s+/g, " ")
    .trim();
}

/** Whether a key is there for the first time; no key is never new. */
function isNew(key: string, seen: Set<string>): boolean {
  if (key === "" || seen.has(key)) return false;
  seen.add(key);
  return true;
}
