/** Text from a GPT in a folder. */

import type { Tokenizer } from "../data/tokenizer.ts";
import { generate } from "../nn/index.ts";
import { Random } from "../tensor/random.ts";
import { failureOf } from "./naming.ts";
import { openModel } from "./open-model.ts";
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
 * Continues a prompt piece by piece, with a model in Hugging Face's form, or with the weights of a finished run or, of one that
 * was cut off or failed, those of its last checkpoint.
 * @throws when the folder holds no GPT, a file or the weights in it are damaged, the depth is not one of 1 … L, a stop is empty, or there is neither a
 *   prompt nor a token that begins a text.
 */
export function* generateText(folder: string, options: GenerateTextOptions): Generator<string> {
  const { model, tokenizer, path } = openModel(folder);
  if (model.family !== "gpt") throw new Error(`${folder} holds a ${model.family} model; only gpt writes text`);
  const { endOfText } = tokenizer.special;
  const prompt = [...tokenizer.encode(options.prompt)];
  if (prompt.length === 0 && endOfText === undefined)
    throw new Error(`${folder}: its tokenizer has no token that begins a text, so that the prompt must not be empty`);
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
  yield* untilStop(decoded(namingFolder(tokens, folder), tokenizer), stop);
}

/** What a generator yields. @throws what it throws, with the folder before the reason. */
function* namingFolder<Item>(items: Generator<Item>, folder: string): Generator<Item> {
  try {
    yield* items;
  } catch (error) {
    throw failureOf(folder, error);
  }
}

/** What tokens add to the text one by one. */
function* decoded(tokens: Iterable<number>, tokenizer: Tokenizer): Generator<string> {
  let pending: number[] = [];
  for (const token of tokens) {
    pending.push(token);
    const text = tokenizer.decode(pending);
    // A character of several bytes appears once its last byte is there.
    if (text.endsWith("\ufffd")) continue;
    yield text;
    pending = [];
  }
}
