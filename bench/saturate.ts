/** Weights that saturate a GPT: what a step's time and its numbers are looked at with. */

import type { Gpt } from "../src/nn/index.ts";
import type { Tensor } from "../src/tensor/tensor.ts";

/** Deviations of scores and logits in nats: many lie 87 to 104 below the largest, where e^x is no normal number any more. */
const SCORE_DEVIATION = 40;
const LOGIT_DEVIATION = 28;
/** Of the sums that GELU is applied to: its two tails reach as far. */
const SUM_DEVIATION = 5;

/**
 * Scales a new model's weights so that softmaxes, of attention and of the output alike, and GELUs are saturated.
 *
 * Tokens are told from one another by the head alone: beside the positions their embeddings are small, or the tied head
 * would give every token the largest logit by far for itself, all others out of the range in question.
 */
export function saturate({ blocks, tokenEmbedding, positionEmbedding, size: { hidden } }: Gpt): void {
  // What a LayerNorm puts out has elements of deviation 1.
  const width = Math.sqrt(hidden);
  spread(tokenEmbedding.weight, LOGIT_DEVIATION / width);
  spread(positionEmbedding.weight, (10 * LOGIT_DEVIATION) / width);
  for (const { attention, feedForward } of blocks) {
    spread(attention.qkv.weight, Math.sqrt(SCORE_DEVIATION) / width);
    spread(feedForward.up.weight, SUM_DEVIATION / width);
  }
}

/** Scales numbers to a deviation around 0. */
function spread({ numbers }: Tensor, deviation: number): void {
  let squares = 0;
  for (const x of numbers) squares += x * x;
  const factor = deviation / Math.sqrt(squares / numbers.length);
  for (let index = 0; index < numbers.length; index++) numbers[index] *= factor;
}
