/** Models that fit a task, from folders. */

import type { Tokenizer } from "../data/index.ts";
import { holdsPretrained } from "../lab/model-folder.ts";
import { needTokenizer } from "../lab/model-tokenizer.ts";
import { failureOf } from "../lab/naming.ts";
import { loadTrainedModel, materialised } from "../lab/trained-model.ts";
import { fromPretrained, isPretrainedFolder, type ModelUse, modelTypeOf } from "../pretrained/index.ts";
import type { LabelledTask } from "../tasks/task.ts";
import { type HeadModel, headModelFor, notForGpt } from "./head-model.ts";

export interface LoadForTaskOptions {
  /** Everywhere. */
  dropout: number;
  /** Of the head's first weights. */
  seed: number;
}

export interface ModelForTask {
  model: HeadModel;
  /** Whether nothing of the head was trained for this task's labels before. */
  hasNewHead: boolean;
  tokenizer: Tokenizer;
}

/** What a model for a task is called in Hugging Face's terms. */
const USES = {
  classification: "sequence-classification",
  regression: "sequence-classification",
  tagging: "token-classification",
  spans: "question-answering",
} as const satisfies Record<LabelledTask["kind"], ModelUse>;

export const labelsOf = (task: LabelledTask): readonly string[] | undefined =>
  task.kind === "classification" || task.kind === "tagging" ? task.labels : undefined;

/**
 * The model of a run or of a folder in Hugging Face's form, with a head for a task: a new one, but where the folder's own was
 * trained for the same use and labels.
 * @throws when the folder holds no model or none that can learn the task, or no tokenizer.
 */
export function loadForTask(folder: string, task: LabelledTask, { dropout, seed }: LoadForTaskOptions): ModelForTask {
  if (holdsPretrained(folder)) {
    const labels = labelsOf(task);
    if (modelTypeOf(folder) === "gpt2" && USES[task.kind] !== "sequence-classification")
      throw failureOf(folder, notForGpt(task));
    const { model, tokenizer, newParameters } = fromPretrained(folder, {
      ...{ as: USES[task.kind], newHead: true, dropout, seed, labels },
      ...(task.kind === "regression" && { outputs: 1 }),
    });
    return { model, tokenizer: needTokenizer(tokenizer, folder), hasNewHead: newParameters.length > 0 };
  }
  const trained = loadTrainedModel(folder);
  const source = materialised(trained, trained.path());
  const model = headModelFor(task, { ...trained.experiment.model, ...source.size, dropout, seed });
  const parameters = source.namedParameters();
  for (const [name, parameter] of model.encoder.namedParameters()) parameter.numbers.set(parameters.get(name)!.numbers);
  return { model, tokenizer: trained.tokenizer, hasNewHead: true };
}

/**
 * A model that was fine-tuned on a task.
 * @throws when the folder holds none, or its labels are not the task's.
 */
export function loadFineTuned(folder: string, task: LabelledTask): ModelForTask {
  if (!isPretrainedFolder(folder))
    throw new Error(`${folder} holds no fine-tuned model: it has no config.json that names a model`);
  const { model, tokenizer, labels } = fromPretrained(folder, { as: USES[task.kind], dropout: 0 });
  const wanted = labelsOf(task);
  if (wanted !== undefined && JSON.stringify(wanted) !== JSON.stringify(labels))
    throw new Error(
      `${folder} has the labels ${labels.join(", ")}; the task ${task.name} has ${wanted.join(", ")}, in this order`,
    );
  return { model, tokenizer: needTokenizer(tokenizer, folder), hasNewHead: false };
}
