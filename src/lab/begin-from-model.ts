/** Begins a run with the weights of a trained model. */

import type { SizedModel } from "../apollo/layered-model.ts";
import { documentEnd } from "../data/token-cache.ts";
import { FAMILY_DEFAULTS } from "../nn/index.ts";
import type { Experiment } from "./experiment.ts";
import { readModelTokenizer } from "./model-tokenizer.ts";
import { naming } from "./naming.ts";
import { describeModel, type OpenedModel } from "./open-model.ts";
import { writeAlong } from "./trained-model.ts";

/**
 * Checks that an experiment is about the model in a folder, as far as that needs neither text nor weights. Its context may be
 * shorter: the model then has that many positions.
 * @throws with one sentence that names the folder, the size and both values, or what the tokenizer lacks.
 */
export function checkBeginsFrom({ model }: Pick<Experiment, "model">, folder: string): void {
  const wanted = sizesOf(model);
  const found = sizesOf(describeModel(folder, { dropout: model.dropout }));
  for (const [name, value] of Object.entries(found)) {
    const own = wanted[name as keyof typeof wanted];
    if (name === "context" ? own > value : own !== value)
      throw new Error(`${folder}: the model's ${name} is ${value}, the experiment's ${own}`);
  }
  const tokenizer = readModelTokenizer(folder);
  naming(folder, () => documentEnd(tokenizer, model.family));
}

/** Everything that must be as it is in the folder, said in full. */
function sizesOf({
  family,
  layers,
  hidden,
  heads,
  context,
  vocabulary,
  inner = 4 * hidden,
  ...rest
}: Experiment["model"]) {
  const usual = FAMILY_DEFAULTS[family];
  const { norm = usual.norm, activation = usual.activation, epsilon = usual.epsilon } = rest;
  return { family, layers, hidden, heads, context, vocabulary, inner, norm, activation, epsilon };
}

/**
 * Writes the weights of an opened model, whose memory is given back, into one that is to be trained.
 * @throws naming the folder, when some of its layers or units are still growing in, or were not there yet.
 */
export function beginFromModel(model: SizedModel, { model: source, path }: OpenedModel, folder: string): void {
  naming(folder, () => writeAlong(model, { model: source, path: path() }));
  for (const parameter of source.parameters()) parameter.release();
}
