/** What BERT expects behind masks. */

import { softmax } from "../autograd/index.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Bert } from "./bert.ts";
import type { LayerUse } from "./block.ts";
import { checkOutputs, infer } from "./inference.ts";
import { rank } from "./ranking.ts";

export interface FillMaskOptions {
  /** Indices into the sequence, of masked tokens as a rule. */
  positions: readonly number[];
  /** Candidates for each; all tokens of the vocabulary where there are no more. */
  count: number;
  /** The layers in the order of their use; every block once when absent. */
  path?: readonly LayerUse[];
}

/** A token, and how probable it is in its place. */
export interface MaskCandidate {
  token: number;
  /** Of the softmax over the whole vocabulary. */
  probability: number;
}

/**
 * The likeliest tokens at some positions of a sequence, the likeliest first, and the smaller id where two are equally likely.
 * All masks are filled at once: none sees what was put for another.
 * @returns one list for each position, in their order.
 * @throws when the sequence exceeds the context, a position is outside of it, or the count is no whole number from 1.
 */
export function fillMask(model: Bert, ids: readonly number[], options: FillMaskOptions): MaskCandidate[][] {
  const { positions, count, path } = options;
  if (!(Number.isSafeInteger(count) && count >= 1))
    throw new Error(`fillMask: the count must be a whole number from 1, not ${count}`);
  for (const position of positions)
    if (!(Number.isInteger(position) && position >= 0 && position < ids.length))
      throw new Error(`fillMask: position ${position} is outside the ${ids.length} tokens`);
  if (positions.length === 0) return [];
  const { vocabulary } = model.size;
  return infer(model, () => {
    const at = Tensor.from(positions, [positions.length], "i32");
    const logits = model.forward(Tensor.from(ids, [1, ids.length], "i32"), at, { path }); // [M, V]
    const probabilities = softmax(logits).numbers;
    checkOutputs(probabilities);
    return positions.map((_, mask) => {
      const row = probabilities.subarray(mask * vocabulary, (mask + 1) * vocabulary);
      const ranking = rank(row, count);
      return Array.from({ length: Math.min(count, vocabulary) }, (_, place) => ({
        token: ranking.indexAt(place),
        probability: ranking.valueAt(place),
      }));
    });
  });
}
