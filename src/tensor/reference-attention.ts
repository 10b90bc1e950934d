/** Scaled-dot-product attention and its gradient as plain loops, head by head. */

import { type AttentionLayout, HIDDEN_SCORE, type Kernels } from "./kernels.ts";
import { dropoutBits, dropoutThreshold } from "./random.ts";

/** Calls `use` for every batch and head with the offsets of its rows: q, k, v in qkv, and the head's columns in out. */
function forEachHead(
  { batches, tokens, heads, headSize }: AttentionLayout,
  use: (head: { index: number; batch: number; head: number; q: number; k: number; v: number; out: number }) => void,
): void {
  const channels = heads * headSize;
  for (let b = 0; b < batches; b++) {
    for (let h = 0; h < heads; h++) {
      const q = b * tokens * 3 * channels + h * headSize;
      const rows = { q, k: q + channels, v: q + 2 * channels, out: b * tokens * channels + h * headSize };
      use({ index: b * heads + h, batch: b, head: h, ...rows });
    }
  }
}

/** Whether query i of a head may look at key j. */
function isSeen({ causal, mask }: AttentionLayout, batch: number, head: number, i: number, j: number): boolean {
  if (causal && j > i) return false;
  if (mask === undefined) return true;
  const [ofBatch, ofHead, ofQuery, ofKey] = mask.strides;
  return mask.values[batch * ofBatch + head * ofHead + i * ofQuery + j * ofKey] !== 0;
}

/** The factor that dropout puts on weight (i, j) of a head. */
function dropoutFactor(layout: AttentionLayout, head: number, i: number, j: number): number {
  if (layout.dropoutProbability === 0) return 1;
  const bits = dropoutBits(layout.dropoutSeed, (head * layout.tokens + i) * layout.tokens + j);
  return bits < dropoutThreshold(layout.dropoutProbability) ? 0 : 1 / (1 - layout.dropoutProbability);
}

/** See {@link Kernels.attention}: out = dropout(softmax(scale·QKᵀ, masked))·V for every head. */
export const attention: Kernels["attention"] = (qkv, out, logSumExps, layout) => {
  const { tokens, heads, headSize, scale } = layout;
  const channels = heads * headSize;
  const stride = 3 * channels;
  const scores = new Float64Array(tokens);
  forEachHead(layout, (head) => {
    for (let i = 0; i < tokens; i++) {
      let largest = HIDDEN_SCORE;
      for (let j = 0; j < tokens; j++) {
        scores[j] = Number.NEGATIVE_INFINITY;
        if (!isSeen(layout, head.batch, head.head, i, j)) continue;
        let dot = 0;
        for (let d = 0; d < headSize; d++) dot += qkv[head.q + i * stride + d] * qkv[head.k + j * stride + d];
        scores[j] = scale * dot;
        largest = Math.max(largest, scores[j]);
      }
      const isBlind = largest === HIDDEN_SCORE;
      if (isBlind) scores.fill(largest);
      let total = 0;
      for (let j = 0; j < tokens; j++) total += Math.exp(scores[j] - largest);
      logSumExps[head.index * tokens + i] = isBlind ? HIDDEN_SCORE : largest + Math.log(total);
      for (let d = 0; d < headSize; d++) {
        let sum = 0;
        for (let j = 0; j < tokens; j++) {
          const weight = Math.exp(scores[j] - largest) / total;
          if (weight === 0) continue;
          sum += weight * dropoutFactor(layout, head.index, i, j) * qkv[head.v + j * stride + d];
        }
        out[head.out + i * channels + d] = sum;
      }
    }
  });
};

/**
 * See {@link Kernels.attentionBackward}. With P = softmax(S), D the dropout factors, dO the gradient of out:
 * dV = (P⊙D)ᵀ·dO; dP = (dO·Vᵀ)⊙D; dS = P ⊙ (dP − Σⱼ P⊙dP), where Σⱼ P⊙dP = dO·out; dQ = scale·dS·K; dK = scale·dSᵀ·Q.
 */
export const attentionBackward: Kernels["attentionBackward"] = (
  qkv,
  out,
  logSumExps,
  gradient,
  qkvGradient,
  layout,
) => {
  const { tokens, heads, headSize, scale } = layout;
  const channels = heads * headSize;
  const stride = 3 * channels;
  // Summed in double precision first: every key receives from many queries.
  const sums = new Float64Array(qkv.length);
  forEachHead(layout, (head) => {
    for (let i = 0; i < tokens; i++) {
      const query = head.q + i * stride;
      const row = head.out + i * channels;
      const logSumExp = logSumExps[head.index * tokens + i];
      let inner = 0;
      for (let d = 0; d < headSize; d++) inner += gradient[row + d] * out[row + d];
      for (let j = 0; j < tokens; j++) {
        const key = head.k + j * stride;
        const value = head.v + j * stride;
        const factor = dropoutFactor(layout, head.index, i, j);
        // The scores of hidden keys are constants, also where there are no others.
        if (logSumExp === HIDDEN_SCORE) {
          for (let d = 0; d < headSize; d++) sums[value + d] += (factor / tokens) * gradient[row + d];
          continue;
        }
        if (!isSeen(layout, head.batch, head.head, i, j)) continue;
        let dot = 0;
        let forWeight = 0;
        for (let d = 0; d < headSize; d++) {
          dot += qkv[query + d] * qkv[key + d];
          forWeight += gradient[row + d] * qkv[value + d];
        }
        const weight = Math.exp(scale * dot - logSumExp);
        const forScore = scale * weight * (forWeight * factor - inner);
        for (let d = 0; d < headSize; d++) {
          sums[value + d] += weight * factor * gradient[row + d];
          sums[query + d] += forScore * qkv[key + d];
          sums[key + d] += forScore * qkv[query + d];
        }
      }
    }
  });
  qkvGradient.set(sums);
};
