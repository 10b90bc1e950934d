/** The model that fits a task: BERT or GPT with the head that its kind asks for. */

import {
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  type BertHeadOptions,
  GptForSequenceClassification,
} from "../nn/index.ts";
import type { ClassificationTask, LabelledTask, RegressionTask } from "../tasks/task.ts";

/** A model that says one thing of a sequence. */
export type SequenceModel = BertForSequenceClassification | GptForSequenceClassification;

/** A pre-trained model with a head that fits a task. */
export type HeadModel = SequenceModel | BertForTokenClassification | BertForQuestionAnswering;

export interface HeadModelOptions extends BertHeadOptions {
  /** BERT when absent. */
  family?: "gpt" | "bert";
}

/**
 * An untrained model whose head has as outputs the task's labels, one score, or a start and an end.
 * @throws when it is a GPT and the task needs an answer for single tokens, which do not see what stands behind them.
 */
export function headModelFor(task: LabelledTask, { family = "bert", ...options }: HeadModelOptions): HeadModel {
  if (task.kind === "classification" || task.kind === "regression") {
    const all = { ...options, outputs: outputsFor(task) };
    return family === "gpt" ? new GptForSequenceClassification(all) : new BertForSequenceClassification(all);
  }
  if (family === "gpt") throw notForGpt(task);
  switch (task.kind) {
    case "tagging":
      return new BertForTokenClassification({ ...options, outputs: task.labels.length });
    case "spans":
      return new BertForQuestionAnswering(options);
  }
}

/** One output for each class, or one for the score. */
export const outputsFor = (task: ClassificationTask | RegressionTask) =>
  task.kind === "regression" ? 1 : task.labels.length;

/** What a GPT cannot do: single tokens do not see what stands behind them. */
export const notForGpt = ({ name, kind }: LabelledTask) =>
  new Error(`${name} is a task of ${kind}; a GPT learns classification and regression alone`);
