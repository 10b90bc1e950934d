/** Text from the weights in a run's folder. */

import type { Tokenizer } from "../data/tokenizer.ts";
import { generate } from "../nn/index.ts";
import { Random } from "../tensor/random.ts";
import { loadTrainedModel } from "./trained-model.ts";
import { untilStop } from "./until-stop.ts";

export interface GenerateTextOptions {
  prompt: string;
  tokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
  /** Layers to run; all, through the map, when absent. */
  depth?: number;
  /** Each ends the text, of which it is no part, in however many tokens it comes. */
  stop?: readonly string[];
}

/**
 * Continues a prompt piece by piece, with the weights of a finished run or, of one that was cut off or failed, those of its
 * last checkpoint.
 * @throws when the folder is no GPT run with weights, a file is damaged, the depth is not one of 1 … L, or a stop is empty.
 */
export function* generateText(folder: string, options: GenerateTextOptions): Generator<string> {
  const { model, tokenizer, path } = loadTrainedModel(folder);
  if (model.family !== "gpt") throw new Error(`${folder} holds a ${model.family} model; only gpt writes text`);
  const { endOfText } = tokenizer.special;
  const prompt = [...tokenizer.encode(options.prompt)];
  const start = prompt.length > 0 ? prompt : [endOfText!];
  const { temperature, topK, topP, seed, stop = [] } = options;
  const tokens = generate(model, start, {
    maximumTokens: options.tokens,
    random: Random.stream(seed, "generate"),
    temperature,
    topK,
    topP,
    stopTokens: endOfText === undefined ? [] : [endOfText],
    path: path(options.depth),
  });
  yield* untilStop(decoded(tokens, tokenizer), stop);
}

/** What tokens add to the text one by one. */
function* decoded(tokens: Iterable<number>, tokenizer: Tokenizer): Generator<string> {
  const written: number[] = [];
  let text = "";
  for (const token of tokens) {
    written.push(token);
    const whole = tokenizer.decode(Int32Array.from(written));
    // A character of several bytes appears once its last byte is there.
    if (whole.endsWith("\ufffd")) continue;
    yield whole.slice(text.length);
    text = whole;
  }
}
