/** The model that fits a task: BERT or GPT with the head that its kind asks for. */

import type { Tokenizer } from "../data/index.ts";
import {
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  type BertHeadOptions,
  GptForSequenceClassification,
} from "../nn/index.ts";
import type { ClassificationTask, LabelledTask, RegressionTask } from "../tasks/task.ts";
import type { HeadedTask, HeadModel } from "./headed-task.ts";
import { sequenceTask } from "./sequence-task.ts";
import { spanTask } from "./span-task.ts";
import { taggingTask } from "./tagging-task.ts";

export interface HeadModelOptions extends BertHeadOptions {
  /** BERT when absent. */
  family?: "gpt" | "bert";
}

/**
 * An untrained model whose head has as outputs the task's labels, one score, or two borders.
 * @throws when it is a GPT and the task needs an answer for single tokens, which do not see what stands behind them.
 */
export function headModelFor(task: LabelledTask, { family = "bert", ...options }: HeadModelOptions): HeadModel {
  if (task.kind === "classification" || task.kind === "regression") {
    const all = { ...options, outputs: outputsFor(task) };
    return family === "gpt" ? new GptForSequenceClassification(all) : new BertForSequenceClassification(all);
  }
  if (family === "gpt")
    throw new Error(`${task.name} is a task of ${task.kind}; a GPT learns classification and regression alone`);
  switch (task.kind) {
    case "tagging":
      return new BertForTokenClassification({ ...options, outputs: task.labels.length });
    case "spans":
      return new BertForQuestionAnswering(options);
  }
}

/** @throws when the model's head is of another kind than the task's, or has another number of outputs. */
export function headedTask(task: LabelledTask, model: HeadModel, tokenizer: Tokenizer): HeadedTask {
  if (task.kind === "spans") {
    if (model instanceof BertForQuestionAnswering) return spanTask(task, model, tokenizer);
  } else if (task.kind === "tagging") {
    if (model instanceof BertForTokenClassification) {
      checkOutputs(task, model.outputs, task.labels.length);
      return taggingTask(task, model, tokenizer);
    }
  } else if (model instanceof BertForSequenceClassification || model instanceof GptForSequenceClassification) {
    checkOutputs(task, model.outputs, outputsFor(task));
    return sequenceTask(task, model, tokenizer);
  }
  throw new Error(`${task.name} is a task of ${task.kind}; a ${model.constructor.name} cannot do it`);
}

const outputsFor = (task: ClassificationTask | RegressionTask) => (task.kind === "regression" ? 1 : task.labels.length);

function checkOutputs({ name }: LabelledTask, outputs: number, wanted: number): void {
  if (outputs !== wanted) throw new Error(`${name} needs a head with ${wanted} outputs, the model's has ${outputs}`);
}
