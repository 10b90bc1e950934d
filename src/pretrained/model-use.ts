/** What a model is used for: each is one class here and one of Hugging Face's. */

import {
  Bert,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  Gpt,
} from "../nn/index.ts";

/** The model by its use. */
export interface ModelByUse {
  "causal-lm": Gpt;
  "masked-lm": Bert;
  "sequence-classification": BertForSequenceClassification;
  "token-classification": BertForTokenClassification;
  "question-answering": BertForQuestionAnswering;
}

export type ModelUse = keyof ModelByUse;
export type BertUse = Exclude<ModelUse, "causal-lm">;
export type PretrainedModel = ModelByUse[ModelUse];

/** Hugging Face's class of each use. */
export const CLASS_NAMES: Record<ModelUse, string> = {
  "causal-lm": "GPT2LMHeadModel",
  "masked-lm": "BertForMaskedLM",
  "sequence-classification": "BertForSequenceClassification",
  "token-classification": "BertForTokenClassification",
  "question-answering": "BertForQuestionAnswering",
};

/** Classes of which one of the above reads all that this project has. */
const RELATED_CLASSES: Record<string, ModelUse> = {
  GPT2Model: "causal-lm",
  BertForPreTraining: "masked-lm",
  BertModel: "masked-lm",
};

/** Whether a use has labels. */
export const hasLabels = (use: ModelUse): use is "sequence-classification" | "token-classification" =>
  use === "sequence-classification" || use === "token-classification";

/** The use of a class of Hugging Face's; undefined for one that there is none of. */
export function useOfClass(name: string): ModelUse | undefined {
  const own = (Object.keys(CLASS_NAMES) as ModelUse[]).find((use) => CLASS_NAMES[use] === name);
  return own ?? (Object.hasOwn(RELATED_CLASSES, name) ? RELATED_CLASSES[name] : undefined);
}

/** The use of a model. */
export function useOfModel(model: PretrainedModel): ModelUse {
  if (model instanceof Gpt) return "causal-lm";
  if (model instanceof Bert) return "masked-lm";
  if (model instanceof BertForSequenceClassification) return "sequence-classification";
  if (model instanceof BertForTokenClassification) return "token-classification";
  if (model instanceof BertForQuestionAnswering) return "question-answering";
  throw new Error(`Hugging Face has no class for a ${(model as object).constructor.name}`);
}
