/** Scaled-dot-product attention and its gradient as plain loops, head by head. */

import { type AttentionLayout, HIDDEN_SCORE, type Kernels, type Numbers } from "./kernels.ts";
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

/** A row of one head: `headSize` numbers from `start` on. */
interface HeadRow {
  numbers: Numbers;
  start: number;
}

/** The keys or values of one head, `stride` numbers apart. */
interface HeadRows extends HeadRow {
  stride: number;
}

/** What one query of a head looks at. */
interface QueryCall {
  query: HeadRow;
  keys: HeadRows;
  values: HeadRows;
  out: HeadRow;
  headSize: number;
  scale: number;
  /** Of as many numbers as there are keys. */
  scores: Float64Array;
  isSeen(key: number): boolean;
  /** What dropout multiplies a weight by. */
  factor(key: number): number;
}

/** out = softmax(scale·q·Kᵀ, over the keys that are seen)·V of one query. @returns the log-sum-exp of its scores. */
function attendOne({ query, keys, values, out, headSize, scale, scores, isSeen, factor }: QueryCall): number {
  const count = scores.length;
  let largest = HIDDEN_SCORE;
  for (let j = 0; j < count; j++) {
    scores[j] = Number.NEGATIVE_INFINITY;
    if (!isSeen(j)) continue;
    let dot = 0;
    for (let d = 0; d < headSize; d++)
      dot += query.numbers[query.start + d] * keys.numbers[keys.start + j * keys.stride + d];
    scores[j] = scale * dot;
    largest = Math.max(largest, scores[j]);
  }
  const isBlind = largest === HIDDEN_SCORE;
  if (isBlind) scores.fill(largest);
  let total = 0;
  for (let j = 0; j < count; j++) total += Math.exp(scores[j] - largest);
  for (let d = 0; d < headSize; d++) {
    let sum = 0;
    for (let j = 0; j < count; j++) {
      const weight = Math.exp(scores[j] - largest) / total;
      if (weight === 0) continue;
      sum += weight * factor(j) * values.numbers[values.start + j * values.stride + d];
    }
    out.numbers[out.start + d] = sum;
  }
  return isBlind ? HIDDEN_SCORE : largest + Math.log(total);
}

/** See {@link Kernels.attention}: out = dropout(softmax(scale·QKᵀ, masked))·V for every head. */
export const attention: Kernels["attention"] = (qkv, out, logSumExps, layout) => {
  const { tokens, heads, headSize, scale } = layout;
  const channels = heads * headSize;
  const stride = 3 * channels;
  const scores = new Float64Array(tokens);
  forEachHead(layout, (head) => {
    for (let i = 0; i < tokens; i++) {
      logSumExps[head.index * tokens + i] = attendOne({
        query: { numbers: qkv, start: head.q + i * stride },
        keys: { numbers: qkv, start: head.k, stride },
        values: { numbers: qkv, start: head.v, stride },
        out: { numbers: out, start: head.out + i * channels },
        ...{ headSize, scale, scores },
        isSeen: (j) => isSeen(layout, head.batch, head.head, i, j),
        factor: (j) => dropoutFactor(layout, head.index, i, j),
      });
    }
  });
};

/** See {@link Kernels.cachedAttention}. */
export const cachedAttention: Kernels["cachedAttention"] = (qkv, keys, values, out, layout) => {
  const { tokens, past, capacity, heads, headSize, scale } = layout;
  for (let i = 0; i < tokens; i++) {
    const scores = new Float64Array(past + i + 1);
    for (let head = 0; head < heads; head++) {
      const kept = { start: head * capacity * headSize, stride: headSize };
      attendOne({
        query: { numbers: qkv, start: (3 * i * heads + head) * headSize },
        keys: { numbers: keys, ...kept },
        values: { numbers: values, ...kept },
        out: { numbers: out, start: (i * heads + head) * headSize },
        ...{ headSize, scale, scores },
        isSeen: () => true,
        factor: () => 1,
      });
    }
  }
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
