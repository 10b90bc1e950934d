/** Writing text with a GPT, token by token. */

import { noGrad, slice } from "../autograd/index.ts";
import type { Random } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { LayerUse } from "./block.ts";
import type { Gpt } from "./gpt.ts";

export interface GenerateOptions {
  maximumTokens: number;
  random: Random;
  /** Divides the logits; 0 always takes the likeliest token. */
  temperature?: number;
  /** Keeps the k likeliest tokens. */
  topK?: number;
  /** Keeps the likeliest tokens that together reach this probability (nucleus sampling). */
  topP?: number;
  /** Ends the text. */
  stopToken?: number;
  /** The layers in the order of their use; every block once when absent. */
  path?: readonly LayerUse[];
}

/**
 * Continues a sequence of token ids, one id at a time. Only the last `context` tokens are looked at. Dropout is off
 * while a token is computed.
 * @throws at once, for an empty prompt or options out of range.
 */
export function generate(model: Gpt, prompt: readonly number[], options: GenerateOptions): Generator<number> {
  const { maximumTokens, temperature = 1, topK, topP } = options;
  if (prompt.length === 0) throw new Error("generate: the prompt is empty; it needs at least one token");
  if (!(maximumTokens >= 0)) throw new Error(`generate: maximumTokens must be ≥ 0, not ${maximumTokens}`);
  if (!(temperature >= 0)) throw new Error(`generate: the temperature must be ≥ 0, not ${temperature}`);
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw new Error(`generate: topK must be a whole number ≥ 1, not ${topK}`);
  if (topP !== undefined && !(topP > 0 && topP <= 1)) throw new Error(`generate: topP must be in (0, 1], not ${topP}`);
  return continued(model, prompt, { ...options, temperature });
}

function* continued(
  model: Gpt,
  prompt: readonly number[],
  options: GenerateOptions & { temperature: number },
): Generator<number> {
  const { maximumTokens, stopToken, path } = options;
  const sequence = [...prompt];
  for (let count = 0; count < maximumTokens; count++) {
    const token = pickToken(nextLogits(model, sequence, path), options);
    if (token === stopToken) return;
    sequence.push(token);
    yield token;
  }
}

/** The logits [V] of the token that follows a sequence. */
function nextLogits(model: Gpt, sequence: readonly number[], path: readonly LayerUse[] | undefined): Float64Array {
  const seen = sequence.slice(-model.size.context);
  const { isTraining } = model;
  model.eval();
  try {
    return scope(() =>
      noGrad(() => {
        const hidden = model.hidden(Tensor.from(seen, [1, seen.length], "i32"), { path }); // [1, T, C]
        const last = slice(hidden, [null, [seen.length - 1, seen.length], null]); // [1, 1, C]
        return Float64Array.from(model.head(last).numbers);
      }),
    );
  } finally {
    if (isTraining) model.train();
  }
}

/** Draws a token from logits [V]: sharpened by temperature, cut to the likeliest k, then to the nucleus of mass p. */
export function pickToken(
  logits: Float64Array,
  options: { random: Random; temperature: number; topK?: number; topP?: number },
): number {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  if (options.temperature === 0) return order[0];
  const candidates = order.slice(0, options.topK ?? order.length);
  const weights = candidates.map((token) => Math.exp((logits[token] - logits[order[0]]) / options.temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  let kept = candidates.length;
  if (options.topP !== undefined) {
    let mass = 0;
    kept = weights.findIndex((weight) => (mass += weight) >= options.topP! * total) + 1 || candidates.length;
  }
  let left = options.random.uniform() * weights.slice(0, kept).reduce((a, b) => a + b, 0);
  for (let index = 0; index < kept; index++) {
    left -= weights[index];
    if (left < 0) return candidates[index];
  }
  return candidates[kept - 1];
}
