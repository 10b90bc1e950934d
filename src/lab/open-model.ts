/** A model in a folder of either kind: a run of this project, or Hugging Face's files. */

import { join } from "node:path";
import { sharedPath } from "../apollo/shared-layers.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import { readJson } from "../io/files.ts";
import { type Bert, FAMILY_DEFAULTS, type Gpt, type GptOptions, type LayerUse } from "../nn/index.ts";
import { readConfig } from "../pretrained/config.ts";
import { CONFIG_FILE } from "../pretrained/from-pretrained.ts";
import { fromPretrained } from "../pretrained/index.ts";
import { type Experiment, vocabularyOf } from "./experiment.ts";
import { holdsPretrained } from "./model-folder.ts";
import { readModelTokenizer } from "./model-tokenizer.ts";
import { checkDepth, evenlyChosen, loadTrainedModel, readRunExperiment } from "./trained-model.ts";

/** A language model with what it reads and writes text with. */
export interface OpenedModel {
  /** With the weights; `family` tells the two apart. */
  model: Gpt | Bert;
  tokenizer: Tokenizer;
  /**
   * The layers to run through: all, or so many of them. Those of a run's model are shared as its recipe says; of other models,
   * and below what a run has trained, evenly chosen ones are run.
   * @throws when the depth is not one of 1 … L.
   */
  path(depth?: number): LayerUse[];
}

/**
 * Reads the model of a run, finished or cut off, or of a folder in Hugging Face's form.
 * @throws with one sentence that names the folder or file, when it holds neither, no language model, or no tokenizer, or is damaged.
 */
export function openModel(folder: string): OpenedModel {
  if (!holdsPretrained(folder)) {
    const { model, tokenizer, path } = loadTrainedModel(folder);
    return { model, tokenizer, path };
  }
  const { family, layers } = describeModel(folder);
  // Of the tokenizer, which says more than that there is none.
  const tokenizer = readModelTokenizer(folder);
  const { model } = fromPretrained(folder, { as: family === "gpt" ? "causal-lm" : "masked-lm", dropout: 0 });
  return {
    model,
    tokenizer,
    path: (depth = layers) => sharedPath(model.blocks, evenlyChosen(checkDepth(depth, layers), layers)),
  };
}

/**
 * The sizes of a folder's model in the terms of experiments, without reading its weights.
 * @param options dropout: instead of what the folder says of it.
 * @throws as {@link openModel}.
 */
export function describeModel(folder: string, options: { dropout?: number } = {}): Experiment["model"] {
  if (!holdsPretrained(folder)) {
    const experiment = readRunExperiment(folder);
    const { dropout = experiment.model.dropout } = options;
    return { ...experiment.model, vocabulary: vocabularyOf(experiment, readModelTokenizer(folder)), dropout };
  }
  const source = join(folder, CONFIG_FILE);
  const config = readConfig(readJson(source), { source, dropout: options.dropout });
  const { family, use } = config.kind;
  if (use !== "causal-lm" && use !== "masked-lm")
    throw new Error(`${folder} holds a model for ${use}, not a language model`);
  const { layers, hidden, heads, context, vocabulary, dropout = 0, ...rest } = config.options as GptOptions;
  return { family, layers, hidden, heads, context, vocabulary, dropout, ...unusual(family, hidden, rest) };
}

/** What a model has otherwise than those that this project trains from random weights. */
function unusual(
  family: "gpt" | "bert",
  hidden: number,
  { inner, activation, epsilon }: Pick<GptOptions, "inner" | "activation" | "epsilon">,
): Pick<Experiment["model"], "inner" | "activation" | "epsilon"> {
  const usual = FAMILY_DEFAULTS[family];
  return {
    ...(inner !== 4 * hidden && { inner }),
    ...(activation !== usual.activation && { activation }),
    ...(epsilon !== usual.epsilon && { epsilon }),
  };
}
