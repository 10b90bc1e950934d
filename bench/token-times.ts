/** How long a GPT takes for each token that it writes. */

import { type Gpt, generate } from "../src/nn/index.ts";
import { Random } from "../src/tensor/random.ts";

export interface TokenTimes {
  /** Milliseconds of each token but the first, which the prompt's belong to. */
  milliseconds: number[];
  /** What was written, the first one too: the likeliest each time. */
  tokens: number[];
}

/** @param options count: of timed tokens. */
export function timeTokens(
  model: Gpt,
  prompt: readonly number[],
  { count, cache = true }: { count: number; cache?: boolean },
): TokenTimes {
  const tokens: number[] = [];
  const ends: number[] = [];
  // At temperature 0 nothing is drawn.
  for (const token of generate(model, prompt, {
    maximumTokens: count + 1,
    temperature: 0,
    random: new Random(0),
    cache,
  })) {
    ends.push(performance.now());
    tokens.push(token);
  }
  return { milliseconds: ends.slice(1).map((end, index) => end - ends[index]), tokens };
}

/** A prompt of tokens that mean nothing. */
export function randomPrompt(length: number, vocabulary: number): number[] {
  const random = new Random(1);
  return Array.from({ length }, () => random.integer(vocabulary));
}
