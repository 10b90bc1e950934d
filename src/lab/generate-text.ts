/** Text from the weights in a run's folder. */

import { generate } from "../nn/index.ts";
import { Random } from "../tensor/random.ts";
import { loadTrainedModel } from "./trained-model.ts";

export interface GenerateTextOptions {
  prompt: string;
  tokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
  /** Layers to run; all, through the map, when absent. */
  depth?: number;
}

/**
 * Continues a prompt piece by piece, with the weights of a finished run or, of one that was cut off or failed, those of its
 * last checkpoint.
 * @throws when the folder is no GPT run with weights, a file is damaged, or the depth is not one of 1 … L.
 */
export function* generateText(folder: string, options: GenerateTextOptions): Generator<string> {
  const { model, tokenizer, path } = loadTrainedModel(folder);
  if (model.family !== "gpt") throw new Error(`${folder} holds a ${model.family} model; only gpt writes text`);
  const prompt = [...tokenizer.encode(options.prompt)];
  const start = prompt.length > 0 ? prompt : [tokenizer.special.endOfText!];
  const written: number[] = [];
  let text = "";
  const { temperature, topK, topP, seed } = options;
  for (const token of generate(model, start, {
    maximumTokens: options.tokens,
    random: Random.stream(seed, "generate"),
    temperature,
    topK,
    topP,
    stopTokens: tokenizer.special.endOfText === undefined ? [] : [tokenizer.special.endOfText],
    path: path(options.depth),
  })) {
    written.push(token);
    const whole = tokenizer.decode(Int32Array.from(written));
    // A character of several bytes appears once its last byte is there.
    if (whole.endsWith("\ufffd")) continue;
    yield whole.slice(text.length);
    text = whole;
  }
}
