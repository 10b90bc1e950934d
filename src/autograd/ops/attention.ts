/** Scaled-dot-product attention: readable, from operations; and fused, on the packed projection. */

import { type AttentionLayout, type DropoutSeed, HIDDEN_SCORE } from "../../tensor/kernels.ts";
import type { Random } from "../../tensor/random.ts";
import { formatShape, type Shape, ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp, type OpFlops, type SampleInput } from "../op.ts";
import { causalMask } from "./creation.ts";
import { broadcastStrides, checkProbability, dropout, mul, where } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { between, drawLength } from "./samples.ts";
import { permute, reshape, split } from "./shaping.ts";
import { softmax } from "./softmax.ts";

export interface AttentionOptions {
  /** Position i sees positions 0 … i only; where there are fewer queries than keys, they are those of the last positions. */
  causal?: boolean;
  /** [..., T, T] or broadcastable: 0 hides a key from a query. */
  mask?: Tensor;
  /** Dropout on the attention weights. */
  dropout?: { probability: number; seed: DropoutSeed };
}

/**
 * softmax(Q·Kᵀ/√D, masked)·V for q [..., T, D] and k, v [..., S, D], in plain operations.
 * Source: Vaswani et al. 2017, equation 1.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  let scores = mul(matmul(q, k, { transposeB: true }), 1 / Math.sqrt(q.shape.at(-1)!)); // [..., T, S]
  if (options.causal) {
    const mask = causalMask({ queries: q.shape.at(-2)!, keys: k.shape.at(-2)! }, { dtype: q.dtype });
    scores = where(mask, scores, HIDDEN_SCORE);
  }
  if (options.mask !== undefined) scores = where(options.mask, scores, HIDDEN_SCORE);
  let weights = softmax(scores);
  if (options.dropout !== undefined) weights = dropout(weights, options.dropout);
  return matmul(weights, v);
}

/**
 * Multi-head attention on a packed projection qkv [B, T, 3C] → [B, T, C], in plain operations:
 * heads are cut out, attended to one by one and put side by side again.
 */
export function readableMultiHeadAttention(qkv: Tensor, options: AttentionOptions & { heads: number }): Tensor {
  const channels = qkv.shape[2] / 3;
  const [q, k, v] = split(qkv, { sizes: [channels, channels, channels], axis: 2 }).map((part) =>
    headsOf(part, options.heads),
  );
  return joinHeads(scaledDotProductAttention(q, k, v, options));
}

/** [B, T, C] → [B, H, T, D] with H·D = C */
export function headsOf(x: Tensor, heads: number): Tensor {
  const [batches, tokens, channels] = x.shape;
  return permute(reshape(x, [batches, tokens, heads, channels / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, D] → [B, T, H·D] */
export function joinHeads(x: Tensor): Tensor {
  const [batches, heads, tokens, headSize] = x.shape;
  return reshape(permute(x, [0, 2, 1, 3]), [batches, tokens, heads * headSize]);
}

interface FusedOptions {
  heads: number;
  causal: boolean;
  dropout?: { probability: number; seed: DropoutSeed };
}

function attentionLayout(qkv: Shape, mask: Tensor | undefined, options: FusedOptions): AttentionLayout {
  const { heads, causal, dropout } = options;
  const headSize = qkv[2] / 3 / heads;
  return {
    batches: qkv[0],
    tokens: qkv[1],
    heads,
    headSize,
    causal,
    mask: mask && {
      values: mask.numbers,
      strides: broadcastStrides(mask.shape, 4) as [number, number, number, number],
    },
    scale: 1 / Math.sqrt(headSize),
    dropoutProbability: dropout?.probability ?? 0,
    dropoutSeed: dropout?.seed ?? [0, 0],
  };
}

/** Query–key pairs of one layer: all T², or the T(T+1)/2 that causal attention looks at. */
function attentionFlops(qkv: Shape, pairsPerSequence: number, productsBackward: number): OpFlops {
  const product = 2 * qkv[0] * pairsPerSequence * (qkv[2] / 3);
  return { forward: 2 * product, backward: [productsBackward * product] };
}

export const attentionOp = defineOp<FusedOptions>({
  name: "multiHeadAttention",
  twice: false,
  shape([qkv, mask], { heads }) {
    if (qkv.length !== 3 || qkv[2] % (3 * heads) !== 0) {
      throw new ShapeError(
        `multiHeadAttention: ${formatShape(qkv)} is not [B, T, 3·C] with C a multiple of ${heads} heads`,
      );
    }
    const scores = [qkv[0], heads, qkv[1], qkv[1]];
    const fits = (size: number, fromEnd: number) => fromEnd <= 4 && (size === 1 || size === scores[4 - fromEnd]);
    if (mask !== undefined && !mask.every((size, axis) => fits(size, mask.length - axis))) {
      throw new ShapeError(
        `multiHeadAttention: mask ${formatShape(mask)} does not broadcast to scores ${formatShape(scores)}`,
      );
    }
    return [qkv[0], qkv[1], qkv[2] / 3];
  },
  forward(call, [qkv, mask]) {
    const out = call.allocate();
    const layout = attentionLayout(qkv.shape, mask, call.options);
    const logSumExps = call.auxiliary([layout.batches, layout.heads, layout.tokens]);
    call.kernels.attention(qkv.numbers, out.numbers, logSumExps.numbers, layout);
    call.save(qkv, out, logSumExps, ...(mask === undefined ? [] : [mask]));
    return out;
  },
  backward({ gradient, saved: [qkv, out, logSumExps, mask], options, kernels, allocate }) {
    return [
      () => {
        const result = allocate(qkv.shape);
        const layout = attentionLayout(qkv.shape, mask, options);
        kernels.attentionBackward(
          qkv.numbers,
          out.numbers,
          logSumExps.numbers,
          gradient.numbers,
          result.numbers,
          layout,
        );
        return result;
      },
      null,
    ];
  },
  flops: ([qkv]) => attentionFlops(qkv, qkv[1] ** 2, 4),
  executedFlops: ([qkv], { causal }) => attentionFlops(qkv, causal ? (qkv[1] * (qkv[1] + 1)) / 2 : qkv[1] ** 2, 5),
  sample(random, longest) {
    const heads = 1 + random.integer(3);
    const shape = [1 + random.integer(2), drawLength(random, longest), 3 * heads * drawLength(random, longest)];
    const seed: DropoutSeed = [random.bits(), random.bits()];
    const options = {
      heads,
      causal: random.integer(2) === 0,
      ...(random.integer(2) === 0 && { dropout: { probability: 0.3, seed } }),
    };
    const inputs: SampleInput[] = [{ shape }];
    if (random.integer(2) === 0) {
      const scores = [shape[0], heads, shape[1], shape[1]].map((size) => (random.integer(2) === 0 ? 1 : size));
      const values = between(-1, 1);
      const chosen = (from: Random, size: number) => values(from, size).map((value) => Math.max(0, value));
      inputs.push({ shape: scores.slice(random.integer(5)), values: chosen, differentiable: false });
    }
    return { inputs, options };
  },
});

/**
 * Multi-head attention on a packed projection qkv [B, T, 3C] (q | k | v, heads side by side in each) → [B, T, C].
 * Fused: no T×T matrix is kept, the half that causality hides is skipped, and there is no second derivative. The mask
 * has no gradient.
 * @throws when there is not a whole number of heads, the probability of dropout is outside [0, 1), or the mask does not
 * broadcast to [B, heads, T, T] or has another element type than qkv.
 */
export function multiHeadAttention(qkv: Tensor, options: AttentionOptions & { heads: number }): Tensor {
  const { heads, causal = false, mask, dropout } = options;
  if (!(Number.isInteger(heads) && heads >= 1))
    throw new Error(`multiHeadAttention: heads must be a whole number from 1, not ${heads}`);
  if (dropout !== undefined) checkProbability("multiHeadAttention", dropout.probability);
  return attentionOp(mask === undefined ? [qkv] : [qkv, mask], {
    heads,
    causal,
    ...(dropout !== undefined && dropout.probability > 0 && { dropout }),
  });
}
