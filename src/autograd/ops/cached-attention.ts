/** Attention of new positions to those whose keys and values were kept: readable, from operations; and fused. For inference. */

import type { CachedAttentionLayout } from "../../tensor/kernels.ts";
import { formatShape, type Shape, ShapeError, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp, type OpFlops } from "../op.ts";
import { headsOf, joinHeads, scaledDotProductAttention } from "./attention.ts";
import { drawLength } from "./samples.ts";
import { slice } from "./shaping.ts";

export interface CachedAttentionOptions {
  heads: number;
  /** Positions before the new ones. */
  past: number;
}

/**
 * Causal attention of the new positions of one sequence, whose projection is qkv [1, t, 3C], to all `past` + t of them, whose
 * keys and values stand in the first rows of `keys` and `values` [H, S, D] → [1, t, C], in plain operations.
 */
export function readableCachedAttention(
  qkv: Tensor,
  keys: Tensor,
  values: Tensor,
  { heads, past }: CachedAttentionOptions,
): Tensor {
  const q = headsOf(slice(qkv, [null, null, [0, qkv.shape[2] / 3]]), heads); // [1, H, t, D]
  const [k, v] = [keys, values].map((kept) => slice(kept, [null, [0, past + qkv.shape[1]], null])); // [H, past + t, D]
  return joinHeads(scaledDotProductAttention(q, k, v, { causal: true }));
}

function layoutOf(qkv: Shape, keys: Shape, past: number): CachedAttentionLayout {
  const [heads, capacity, headSize] = keys;
  return { tokens: qkv[1], past, capacity, heads, headSize, scale: 1 / Math.sqrt(headSize) };
}

/** @param pairs query–key pairs of a head. */
function flopsOf(qkv: Shape, pairs: number): OpFlops {
  return { forward: 4 * pairs * (qkv[2] / 3), backward: [0, 0, 0] };
}

export const cachedAttentionOp = defineOp<CachedAttentionOptions>({
  name: "cachedAttention",
  twice: false,
  shape([qkv, keys, values], { heads, past }) {
    if (qkv.length !== 3 || qkv[0] !== 1 || qkv[2] % (3 * heads) !== 0) {
      throw new ShapeError(
        `cachedAttention: ${formatShape(qkv)} is not [1, T, 3·C] with C a multiple of ${heads} heads`,
      );
    }
    if (!(Number.isSafeInteger(past) && past >= 0))
      throw new Error(`cachedAttention: past must be a whole number from 0, not ${past}`);
    const [, tokens, width] = qkv;
    const headSize = width / 3 / heads;
    if (keys.length !== 3 || keys[0] !== heads || keys[2] !== headSize || keys[1] < past + tokens) {
      throw new ShapeError(
        `cachedAttention: keys ${formatShape(keys)} do not hold ${past + tokens} positions of ${heads} heads of ${headSize}`,
      );
    }
    if (!sameShape(keys, values))
      throw new ShapeError(`cachedAttention: values ${formatShape(values)} differ from keys ${formatShape(keys)}`);
    return [1, tokens, width / 3];
  },
  forward(call, [qkv, keys, values]) {
    const out = call.allocate();
    const layout = layoutOf(qkv.shape, keys.shape, call.options.past);
    call.kernels.cachedAttention(qkv.numbers, keys.numbers, values.numbers, out.numbers, layout);
    return out;
  },
  flops: ([qkv], { past }) => flopsOf(qkv, qkv[1] * (past + qkv[1])),
  executedFlops: ([qkv], { past }) => flopsOf(qkv, qkv[1] * past + (qkv[1] * (qkv[1] + 1)) / 2),
  sample(random, longest) {
    const [heads, tokens] = [1 + random.integer(3), 1 + random.integer(3)];
    const [past, headSize] = [random.integer(drawLength(random, longest) + 1), drawLength(random, longest)];
    const kept = { shape: [heads, past + tokens + random.integer(3), headSize], differentiable: false };
    const qkv = { shape: [1, tokens, 3 * heads * headSize], differentiable: false };
    return { inputs: [qkv, kept, kept], options: { heads, past } };
  },
});

/**
 * Causal attention of the new positions of one sequence, whose projection is qkv [1, t, 3C] (q | k | v, heads side by side in
 * each), to all `past` + t of them, whose keys and values, the new ones too, stand in the first rows of `keys` and `values`
 * [H, S, D] → [1, t, C]. Fused: keys and values are read where they lie, in time proportional to t·(past + t)·C. No gradient.
 * @throws when there is not a whole number of heads, or keys and values do not hold so many positions.
 */
export function cachedAttention(qkv: Tensor, keys: Tensor, values: Tensor, options: CachedAttentionOptions): Tensor {
  return cachedAttentionOp([qkv, keys, values], options);
}
