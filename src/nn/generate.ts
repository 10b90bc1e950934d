/** Writing text with a GPT, token by token. */

import { slice } from "../autograd/index.ts";
import type { Random } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type LayerUse, straightPath } from "./block.ts";
import type { Gpt } from "./gpt.ts";
import { checkOutputs, infer } from "./inference.ts";
import { KeyValueCache } from "./key-value-cache.ts";
import { rank } from "./ranking.ts";

export interface GenerateOptions {
  maximumTokens: number;
  random: Random;
  /** Divides the logits; 0 always takes the likeliest token. */
  temperature?: number;
  /** Keeps the k likeliest tokens. */
  topK?: number;
  /** Keeps the likeliest tokens that together reach this probability (nucleus sampling). */
  topP?: number;
  /** Each ends the text, of which it is no part. */
  stopTokens?: readonly number[];
  /** The layers in the order of their use; every block once when absent. */
  path?: readonly LayerUse[];
  /**
   * Whether keys and values of earlier tokens are kept instead of computed again for each token; true when absent. The model must
   * then stay as it is while a text is written.
   */
  cache?: boolean;
}

/**
 * Continues a sequence of token ids, one id at a time. Only the last `context` tokens are looked at: once the sequence outgrows the
 * context, every token gets a new position with each token that follows, kept keys are of no use, and all is computed anew each time.
 * Dropout is off while a token is computed.
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
  const { maximumTokens, stopTokens = [], path = straightPath(model.blocks) } = options;
  const { context, hidden, heads } = model.size;
  const sequence = [...prompt];
  const longest = Math.min(context, prompt.length + Math.ceil(maximumTokens));
  const isOfUse = (options.cache ?? true) && maximumTokens > 0 && prompt.length <= context;
  let cache = isOfUse ? new KeyValueCache({ positions: path.length, context: longest, hidden, heads }) : null;
  try {
    for (let count = 0; count < maximumTokens; count++) {
      if (sequence.length > context) {
        cache?.release();
        cache = null;
      }
      const token = pickToken(nextLogits(model, sequence, { path, cache }), options);
      if (stopTokens.includes(token)) return;
      sequence.push(token);
      yield token;
    }
  } finally {
    cache?.release();
  }
}

/** The logits [V] of the token that follows a sequence, of which a cache knows all but the end. */
function nextLogits(
  model: Gpt,
  sequence: readonly number[],
  { path, cache }: { path: readonly LayerUse[]; cache: KeyValueCache | null },
): Float64Array {
  const seen = cache === null ? sequence.slice(-model.size.context) : sequence.slice(cache.length);
  return infer(model, () => {
    const ids = Tensor.from(seen, [1, seen.length], "i32");
    const states = model.hidden(ids, { path, ...(cache !== null && { cache }) }); // [1, T, C]
    const last = slice(states, [null, [seen.length - 1, seen.length], null]); // [1, 1, C]
    const logits = new Float64Array(model.head(last).numbers);
    checkOutputs(logits);
    return logits;
  });
}

/** Draws a token from logits [V]: sharpened by temperature, cut to the likeliest k, then to the nucleus of mass p. */
export function pickToken(
  logits: Float64Array,
  options: { random: Random; temperature: number; topK?: number; topP?: number },
): number {
  const { random, temperature, topK = logits.length, topP } = options;
  if (temperature === 0) return rank(logits, 1).indexAt(0);
  const ranking = rank(logits, topK);
  const largest = ranking.valueAt(0);
  const weights = Float64Array.from({ length: Math.min(topK, logits.length) }, (_, place) =>
    Math.exp((ranking.valueAt(place) - largest) / temperature),
  );
  let kept = weights.length;
  if (topP !== undefined) {
    const total = weights.reduce((a, b) => a + b, 0);
    let mass = 0;
    kept = weights.findIndex((weight) => (mass += weight) >= topP * total) + 1 || weights.length;
  }
  let left = random.uniform() * weights.subarray(0, kept).reduce((a, b) => a + b, 0);
  const place = weights.subarray(0, kept).findIndex((weight) => (left -= weight) < 0);
  return ranking.indexAt(place < 0 ? kept - 1 : place);
}
