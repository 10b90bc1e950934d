/** Joins a task and a model that has a head for it. */

import type { Tokenizer } from "../data/index.ts";
import {
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  GptForSequenceClassification,
} from "../nn/index.ts";
import type { LabelledTask } from "../tasks/task.ts";
import { type HeadModel, outputsFor } from "./head-model.ts";
import type { HeadedTask } from "./headed-task.ts";
import { sequenceTask } from "./sequence-task.ts";
import { spanTask } from "./span-task.ts";
import { taggingTask } from "./tagging-task.ts";

/** Two texts of a token or two with three special tokens around and between them. */
const SHORTEST_CONTEXT = 8;

/** @throws when the model's head is of another kind than the task's, or has another number of outputs; when its context is too short. */
export function headedTask(task: LabelledTask, model: HeadModel, tokenizer: Tokenizer): HeadedTask {
  const { context } = model.encoder.size;
  if (context < SHORTEST_CONTEXT)
    throw new Error(
      `${task.name} needs a model that reads ${SHORTEST_CONTEXT} tokens or more, this one reads ${context}`,
    );
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

function checkOutputs({ name }: LabelledTask, outputs: number, wanted: number): void {
  if (outputs !== wanted) throw new Error(`${name} needs a head whose number of outputs is ${wanted}, not ${outputs}`);
}
