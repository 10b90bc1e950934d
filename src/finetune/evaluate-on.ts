/** Measures a fine-tuned model on its task. */

import { writeWhole } from "../io/files.ts";
import { naming } from "../lab/naming.ts";
import type { LabelledTask } from "../tasks/task.ts";
import type { Evaluated } from "./headed-task.ts";
import { headedTask } from "./join-task.ts";
import { loadFineTuned } from "./load-for-task.ts";

/** Every development set of a task by name. @throws as {@link loadFineTuned}. */
export function evaluateOn(
  folder: string,
  task: LabelledTask,
): { set: string; examples: number; evaluated: Evaluated }[] {
  const { model, tokenizer } = loadFineTuned(folder, task);
  const headed = naming(folder, () => headedTask({ ...task, train: [] } as LabelledTask, model, tokenizer));
  return task.development.map(({ name, examples }, index) => ({
    set: name,
    examples: examples.length,
    evaluated: naming(folder, () => headed.evaluate(index)),
  }));
}

/** Writes predictions as tab-separated lines: the set's name, the example's id, what was predicted. */
export function writePredictions(path: string, results: ReturnType<typeof evaluateOn>): void {
  const lines = results.flatMap(({ set, evaluated }) =>
    evaluated.predictions.map(({ id, predicted }) => [set, id, predicted.replace(/\s+/g, " ")].join("\t")),
  );
  writeWhole(path, `${["set\tid\tpredicted", ...lines].join("\n")}\n`);
}
