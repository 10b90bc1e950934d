/** What a model of a family is used for: each is one class here and one of Hugging Face's. */

import {
  Bert,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  Gpt,
  GptForSequenceClassification,
} from "../nn/index.ts";

/** The model by its use; of two, `family` tells which. */
export interface ModelByUse {
  "causal-lm": Gpt;
  "masked-lm": Bert;
  "sequence-classification": BertForSequenceClassification | GptForSequenceClassification;
  "token-classification": BertForTokenClassification;
  "question-answering": BertForQuestionAnswering;
}

export type ModelUse = keyof ModelByUse;
export type GptUse = "causal-lm" | "sequence-classification";
export type BertUse = Exclude<ModelUse, "causal-lm">;
export type PretrainedModel = ModelByUse[ModelUse];

/** Family and use together: one class. */
export type ModelKind = { family: "gpt"; use: GptUse } | { family: "bert"; use: BertUse };

/** Every class of Hugging Face's that is read and written. */
export const CLASSES: readonly (ModelKind & { name: string })[] = [
  { family: "gpt", use: "causal-lm", name: "GPT2LMHeadModel" },
  { family: "bert", use: "masked-lm", name: "BertForMaskedLM" },
  { family: "gpt", use: "sequence-classification", name: "GPT2ForSequenceClassification" },
  { family: "bert", use: "sequence-classification", name: "BertForSequenceClassification" },
  { family: "bert", use: "token-classification", name: "BertForTokenClassification" },
  { family: "bert", use: "question-answering", name: "BertForQuestionAnswering" },
];

/** Classes of which one of the above reads all that this project has. */
const RELATED_CLASSES: typeof CLASSES = [
  { family: "gpt", use: "causal-lm", name: "GPT2Model" },
  { family: "bert", use: "masked-lm", name: "BertForPreTraining" },
  { family: "bert", use: "masked-lm", name: "BertModel" },
];

/** Whether a use has labels. */
export const hasLabels = (use: ModelUse): use is "sequence-classification" | "token-classification" =>
  use === "sequence-classification" || use === "token-classification";

/** The class of a family for a use; undefined where there is none. */
export const classFor = (family: ModelKind["family"], use: ModelUse): (ModelKind & { name: string }) | undefined =>
  CLASSES.find((one) => one.family === family && one.use === use);

/** What a class of Hugging Face's is here; undefined for one that there is none of. */
export const kindOfClass = (name: string): ModelKind | undefined =>
  [...CLASSES, ...RELATED_CLASSES].find((one) => one.name === name);

/** What a model is. */
export function kindOfModel(model: PretrainedModel): ModelKind {
  if (model instanceof Gpt) return { family: "gpt", use: "causal-lm" };
  if (model instanceof GptForSequenceClassification) return { family: "gpt", use: "sequence-classification" };
  if (model instanceof Bert) return { family: "bert", use: "masked-lm" };
  if (model instanceof BertForSequenceClassification) return { family: "bert", use: "sequence-classification" };
  if (model instanceof BertForTokenClassification) return { family: "bert", use: "token-classification" };
  if (model instanceof BertForQuestionAnswering) return { family: "bert", use: "question-answering" };
  throw new Error(`Hugging Face has no class for a ${(model as object).constructor.name}`);
}

/** Hugging Face's name of a model's class. */
export function classNameOf(model: PretrainedModel): string {
  const { family, use } = kindOfModel(model);
  return classFor(family, use)!.name;
}
