/**
 * What can be had of the embedded tasks without any model, on their first development sets: `node scripts/task-baselines.ts`.
 * Once with all of the training side, and once with as much of it as `apollo transfer` learns from.
 */

import { textOf } from "../src/cli/text-table.ts";
import { formatCount, formatFixed } from "../src/report/format.ts";
import { NONE, type TextTable } from "../src/report/suite-table.ts";
import { TRANSFER } from "../src/suites/transfer.ts";
import { EMBEDDED_TASKS } from "../src/tasks/embedded/embedded-tasks.ts";
import { SEQUENCE_METRICS } from "../src/tasks/metrics.ts";
import { EMBEDDED_NAMES } from "../src/tasks/named-tasks.ts";
import { evaluateSpans } from "../src/tasks/squad-metrics.ts";
import type { ClassificationTask, Metric, SpanTask, TaggingTask } from "../src/tasks/task.ts";
import { commonest } from "./baselines/commonest.ts";
import { naiveBayes } from "./baselines/naive-bayes.ts";
import { wordTags } from "./baselines/word-tags.ts";

type LabelledByClass = ClassificationTask | TaggingTask;
type Row = TextTable["rows"][number];

const EXPLANATION = `In percent, on the first development set. Always the same: the commonest class or tag of the training side; no answer to any
question. By words: multinomial naive Bayes with add-one smoothing, for pairs over the words of both texts, a word being a
run of letters and digits in lower case; for tags each word's commonest tag, for unknown words the commonest of all.`;

/** Labels on the first development set: those that are right, and what two learners say. */
interface Labels {
  readonly actual: readonly number[];
  readonly always: readonly number[];
  readonly byWords: readonly number[];
}

/** One row per task, number of examples and metric, in percent. */
export function baselineTable(tasks: readonly (LabelledByClass | SpanTask)[]): TextTable {
  return {
    rowHead: "task",
    columns: ["examples", "metric", "always the same", "by words"].map((head) => ({ head })),
    rows: tasks.flatMap((task) => (task.kind === "spans" ? unansweredRows(task) : learnedRows(task))),
  };
}

function learnedRows(task: LabelledByClass): Row[] {
  const all = task.train.length;
  const { examples: transferred = all } = TRANSFER.tasks.find(({ name }) => name === task.name) ?? {};
  return [...new Set([all, transferred])].flatMap((count) => {
    const { actual, always, byWords } =
      task.kind === "tagging" ? labelsOfWords(task, count) : labelsOfTexts(task, count);
    return task.metrics.map((metric) => {
      const measure = SEQUENCE_METRICS[metric as keyof typeof SEQUENCE_METRICS];
      const cells = [always, byWords].map((predicted) => percent(measure(predicted, actual)));
      return { label: task.name, cells: [formatCount(count), metric, ...cells] };
    });
  });
}

/** @param count how many examples are learned, from the beginning of the training side. */
function labelsOfTexts({ train, development: [{ examples }] }: ClassificationTask, count: number): Labels {
  const learned = train.slice(0, count);
  const same = commonest(learned.map(({ label }) => label));
  return {
    actual: examples.map(({ label }) => label),
    always: examples.map(() => same),
    byWords: examples.map(naiveBayes(learned)),
  };
}

/** @param count how many sentences are learned, from the beginning of the training side. */
function labelsOfWords({ train, development: [{ examples }] }: TaggingTask, count: number): Labels {
  const learned = train.slice(0, count);
  const same = commonest(learned.flatMap(({ tags }) => tags));
  const words = examples.flatMap((example) => example.words);
  return {
    actual: examples.flatMap(({ tags }) => tags),
    always: words.map(() => same),
    byWords: words.map(wordTags(learned)),
  };
}

/** Nothing is learned to give no question an answer. */
function unansweredRows({ name, metrics, development: [{ examples }] }: SpanTask): Row[] {
  const { f1, exactMatch } = evaluateSpans({
    examples,
    predictions: new Map(examples.map(({ id }) => [id, { text: "" }])),
  });
  const scores: Partial<Record<Metric, number>> = { "span-f1": f1, "exact-match": exactMatch };
  return metrics.map((metric) => ({ label: name, cells: [NONE, metric, percent(scores[metric]!), NONE] }));
}

const percent = (share: number) => formatFixed(100 * share, 1);

if (import.meta.main) {
  const tasks = EMBEDDED_NAMES.flatMap((name) => {
    try {
      return [EMBEDDED_TASKS[name]()];
    } catch (error) {
      console.log(`${name} is left out: ${(error as Error).message}`);
      return [];
    }
  });
  console.log(textOf(baselineTable(tasks)));
  console.log(EXPLANATION);
}
