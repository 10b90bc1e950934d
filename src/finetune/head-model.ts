/** The model that fits a task: a BERT encoder with the head that its kind asks for. */

import type { Tokenizer } from "../data/index.ts";
import {
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  type BertHeadOptions,
} from "../nn/index.ts";
import type { LabelledTask } from "../tasks/task.ts";
import type { HeadedTask, HeadModel } from "./headed-task.ts";
import { sequenceTask } from "./sequence-task.ts";
import { spanTask } from "./span-task.ts";
import { taggingTask } from "./tagging-task.ts";

/** A model with an untrained head, whose outputs are the task's labels, one score, or two borders. */
export function headModelFor(task: LabelledTask, options: BertHeadOptions): HeadModel {
  switch (task.kind) {
    case "classification":
      return new BertForSequenceClassification({ ...options, outputs: task.labels.length });
    case "regression":
      return new BertForSequenceClassification({ ...options, outputs: 1 });
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
      checkOutputs(task, model.classifier.weight.shape[1], task.labels.length);
      return taggingTask(task, model, tokenizer);
    }
  } else if (model instanceof BertForSequenceClassification) {
    checkOutputs(task, model.classifier.weight.shape[1], task.kind === "regression" ? 1 : task.labels.length);
    return sequenceTask(task, model, tokenizer);
  }
  throw new Error(`${task.name} is a task of ${task.kind}; a ${model.constructor.name} cannot do it`);
}

function checkOutputs({ name }: LabelledTask, outputs: number, wanted: number): void {
  if (outputs !== wanted) throw new Error(`${name} needs a head with ${wanted} outputs, the model's has ${outputs}`);
}
