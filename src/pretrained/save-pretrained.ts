/** Models into Hugging Face's folders. */

import type { Tokenizer } from "../data/tokenizer.ts";
import { join, writeWhole } from "../io/files.ts";
import { writeSafetensors } from "../io/safetensors-writer.ts";
import { Bert, Gpt } from "../nn/index.ts";
import { configJson, type ProblemType, type WrittenConfig } from "./config.ts";
import { CONFIG_FILE } from "./from-pretrained.ts";
import { hasLabels, kindOfModel, type PretrainedModel } from "./model-use.ts";
import { rowsOf } from "./name-table.ts";
import { tensorsOf } from "./stored-parts.ts";
import { tableOf } from "./table-of.ts";
import { tokenizerFiles } from "./tokenizer-files.ts";
import { WEIGHTS_FILE } from "./weight-files.ts";

export interface SavePretrainedOptions {
  model: PretrainedModel;
  tokenizer?: Tokenizer;
  /** Names of a classifier's outputs; LABEL_0 … when absent. */
  labels?: readonly string[];
  problemType?: ProblemType;
}

/** Hugging Face's readers ask for the framework whose layout the matrices have. */
const METADATA = { format: "pt" };

/**
 * Writes `config.json`, `model.safetensors` and, where there is one, the tokenizer's files. Each file is replaced once its new
 * content is complete; other files of the folder stay.
 * @throws before anything is written, when Hugging Face has no class that computes the same, or the labels do not fit or are not all different.
 */
export function savePretrained(folder: string, { model, tokenizer, labels, problemType }: SavePretrainedOptions): void {
  const kind = kindOfModel(model);
  const { family } = kind;
  const outputs = "outputs" in model ? model.outputs : 0;
  const names = labels ?? Array.from({ length: outputs }, (_, id) => `LABEL_${id}`);
  if (names.length !== outputs)
    throw new Error(`savePretrained: the model has ${outputs} outputs with names, not ${names.length}`);
  const repeated = names.find((label, id) => names.indexOf(label) < id);
  if (repeated !== undefined)
    throw new Error(`savePretrained: the label ${JSON.stringify(repeated)} names two outputs`);
  const options = optionsOf(model);
  if (tokenizer !== undefined && tokenizer.vocabularySize > options.vocabulary)
    throw new Error(
      `savePretrained: the tokenizer has ids up to ${tokenizer.vocabularySize - 1}, the model a vocabulary of ${options.vocabulary}`,
    );
  const { endOfText, padding } = tokenizer?.special ?? {};
  const config = configJson({ kind, options, labels: names, problemType, endOfText, padding });
  const files =
    tokenizer === undefined
      ? []
      : tokenizerFiles(tokenizer, { family, context: options.context, fillsBatches: hasLabels(kind.use) });

  const parameters = model.namedParameters();
  const tensors = rowsOf(tableOf(kind), options.layers).flatMap((row) =>
    tensorsOf(row, parameters.get(row.parameter)!),
  );
  // The order of Hugging Face's own writer.
  tensors.sort(([a], [b]) => (a < b ? -1 : 1));
  writeSafetensors(join(folder, WEIGHTS_FILE), new Map(tensors), METADATA);
  for (const [name, content] of files) writeWhole(join(folder, name), content);
  writeWhole(join(folder, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`);
}

/** @throws when Hugging Face has no class that computes what a model does: {@link savePretrained} would refuse it. */
export function checkSavable(model: PretrainedModel): void {
  optionsOf(model);
}

/** What a model was made with. @throws when Hugging Face has no class for it. */
function optionsOf(model: PretrainedModel): WrittenConfig["options"] {
  const trunk = model instanceof Gpt || model instanceof Bert ? model : model.encoder;
  const { hidden } = trunk.size;
  if (trunk instanceof Gpt && trunk.finalNorm === undefined)
    throw new Error("Hugging Face has no class for this model: it is a post-LN GPT, and GPT-2 is pre-LN");
  if (!(trunk instanceof Gpt) && trunk.finalNorm !== undefined)
    throw new Error("Hugging Face has no class for this model: it is a pre-LN BERT, and BERT is post-LN");
  const [block] = trunk.blocks;
  const activation = block?.feedForward.activation ?? (trunk instanceof Gpt ? "gelu-tanh" : "gelu");
  if (model instanceof Bert && activation !== "gelu")
    throw new Error(
      `Hugging Face has no class for this model: its layers have ${activation} and its head gelu, and BERT has one for both`,
    );
  return {
    ...trunk.size,
    inner: block?.feedForward.up.weight.shape[1] ?? 4 * hidden,
    activation,
    epsilon: trunk instanceof Gpt ? trunk.finalNorm!.epsilon : trunk.embeddingNorm.epsilon,
    dropout: trunk.dropout.probability,
    headDropout: ("dropout" in model ? model : trunk).dropout.probability,
  };
}
