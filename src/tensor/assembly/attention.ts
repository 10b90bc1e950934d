/**
 * Scaled-dot-product attention on the register tile of the matrix products: a block of query rows at a time, of which
 * the scores lie in the thread's scratch. Nothing of size T × T leaves the cache, and blocks above the diagonal of a
 * causal mask are never computed. Unit of work: one head of one batch.
 */

import { transposeBlock } from "./blocks";
import { exponential, keptMask, maxLanes, splat, sumLanes } from "./lanes";
import { multiplyAnyTile, packPanels } from "./matmul";
import { multiplyTile, TILE_ROWS } from "./micro-kernel";
import { dotOf, logarithmOf } from "./rows";

/** Zeros and the cut tile of the matrix products come first in the scratch. */
const FIRST: usize = 512;
/** Keeps rows of a power of two from competing for the same cache lines. */
const ROW_PADDING: i32 = 16;

/** Query rows of a block: a multiple of the tile's rows, fewer when the rows are long. */
@inline
function blockRowsOf(tokens: i32): i32 {
  return tokens <= 256 ? 96 : 48;
}

@inline
function padded(size: i32): i32 {
  return (size + 15) & ~15;
}

@inline
function bytes(elements: i32): usize {
  return <usize>elements << 2;
}

/** Bytes of scratch per thread; the first 64 must be zero and stay so. */
export function attentionScratchBytes(tokens: i32, headSize: i32): usize {
  return FIRST + bytes(padded(tokens) * headSize + tokens * padded(headSize) + blockRowsOf(tokens) * (padded(tokens) + ROW_PADDING));
}

/** Bytes of scratch per thread of {@link attentionBackward}. */
export function attentionBackwardScratchBytes(tokens: i32, headSize: i32): usize {
  const rows = blockRowsOf(tokens);
  return (
    FIRST +
    bytes(
      2 * padded(tokens) * headSize +
        tokens * padded(headSize) +
        2 * rows * padded(headSize) +
        2 * rows * (padded(tokens) + ROW_PADDING) +
        2 * padded(tokens) * (rows + ROW_PADDING),
    )
  );
}

/**
 * scores[rows, tokens] = A·B for `rows` query rows from `firstRow` on, where B is packed [tokens / panel][depth][panel].
 * Columns right of a row's tile are left out when causal.
 */
@inline
function multiplyScores(
  a: usize,
  aRow: usize,
  packed: usize,
  scores: usize,
  scoresRow: usize,
  firstRow: i32,
  rows: i32,
  tokens: i32,
  depth: i32,
  causal: i32,
  panel: i32,
  scratch: usize,
): void {
  const columns = causal ? firstRow + rows : tokens;
  for (let n = 0; n < columns; n += panel) {
    // The first tile of rows that reaches column n.
    let m = causal && n > firstRow ? ((n - firstRow) / TILE_ROWS) * TILE_ROWS : 0;
    for (; m < rows; m += TILE_ROWS) {
      multiplyTile(
        panel,
        a + <usize>m * aRow,
        aRow,
        packed,
        scratch,
        0,
        scores + <usize>m * scoresRow + (<usize>n << 2),
        scoresRow,
        depth,
        rows - m,
      );
    }
    packed += bytes(depth * panel);
  }
}

/** Columns that the tile of row m needs: up to its last row's diagonal when causal. */
@inline
function reachOf(firstRow: i32, m: i32, tokens: i32, causal: i32): i32 {
  return causal ? min(tokens, firstRow + (m / TILE_ROWS + 1) * TILE_ROWS) : tokens;
}

/**
 * out[B, T, C] and logSumExps[B, heads, T] from qkv[B, T, 3·C]; C = heads·headSize. Reference: `attention`.
 * Dropout with `threshold` and `factor` = 1/(1 − p); none when the factor is 1.
 */
export function attention(
  qkv: usize,
  out: usize,
  logSumExps: usize,
  tokens: i32,
  heads: i32,
  headSize: i32,
  causal: i32,
  scale: f32,
  threshold: u32,
  factor: f32,
  seedLow: i32,
  seedHigh: i32,
  panel: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const channels = heads * headSize;
  const stride = bytes(3 * channels);
  const outRow = bytes(channels);
  const blockRows = blockRowsOf(tokens);
  const keys = scratch + FIRST;
  const values = keys + bytes(padded(tokens) * headSize);
  const scores = values + bytes(tokens * padded(headSize));
  const scoresRow = bytes(padded(tokens) + ROW_PADDING);
  for (let unit = begin; unit < end; unit++) {
    const batch = unit / heads;
    const head = unit % heads;
    const q = qkv + <usize>batch * <usize>tokens * stride + bytes(head * headSize);
    const k = q + bytes(channels);
    const v = k + bytes(channels);
    const y = out + <usize>batch * <usize>tokens * outRow + bytes(head * headSize);
    packPanels(k, stride, 1, keys, headSize, tokens, panel);
    packPanels(v, stride, 0, values, tokens, headSize, panel);
    for (let firstRow = 0; firstRow < tokens; firstRow += blockRows) {
      const rows = min(blockRows, tokens - firstRow);
      multiplyScores(q + <usize>firstRow * stride, stride, keys, scores, scoresRow, firstRow, rows, tokens, headSize, causal, panel, scratch);
      for (let m = 0; m < rows; m++) {
        const row = firstRow + m;
        const seen = causal ? row + 1 : tokens;
        const logSumExp = softmaxScores(
          scores + <usize>m * scoresRow,
          seen,
          (reachOf(firstRow, m, tokens, causal) + 7) & ~7,
          scale,
          threshold,
          factor,
          (unit * tokens + row) * tokens,
          seedLow,
          seedHigh,
        );
        store<f32>(logSumExps + bytes(unit * tokens + row), logSumExp);
      }
      let packed = values;
      for (let n = 0; n < headSize; n += panel) {
        for (let m = 0; m < rows; m += TILE_ROWS) {
          multiplyAnyTile(
            scores + <usize>m * scoresRow,
            scoresRow,
            packed,
            scratch,
            0,
            0,
            y + <usize>(firstRow + m) * outRow + bytes(n),
            outRow,
            reachOf(firstRow, m, tokens, causal),
            rows - m,
            headSize - n,
            panel,
            scratch,
          );
        }
        packed += bytes(tokens * panel);
      }
    }
  }
}

/** A row of scores → its softmax with dropout, 0 from `seen` to `reach` (a multiple of 8); returns its log-sum-exp. */
function softmaxScores(
  x: usize,
  seen: i32,
  reach: i32,
  scale: f32,
  threshold: u32,
  factor: f32,
  counter: i32,
  seedLow: i32,
  seedHigh: i32,
): f32 {
  const end = x + bytes(reach);
  const scales = splat(scale);
  for (let i = seen; i < reach; i++) store<f32>(x + bytes(i), 0);
  for (let at = x; at < end; at += 32) {
    const x0 = f32x4.mul(v128.load(at), scales);
    const x1 = f32x4.mul(v128.load(at, 16), scales);
    v128.store(at, x0);
    v128.store(at, x1, 16);
  }
  for (let i = seen; i < reach; i++) store<f32>(x + bytes(i), -Infinity);
  let low = splat(-Infinity);
  let high = low;
  for (let at = x; at < end; at += 32) {
    low = f32x4.max(low, v128.load(at));
    high = f32x4.max(high, v128.load(at, 16));
  }
  const largest = maxLanes(f32x4.max(low, high));
  const shifts = splat(largest);
  low = splat(0);
  high = low;
  for (let at = x; at < end; at += 32) {
    const y0 = exponential(f32x4.sub(v128.load(at), shifts));
    const y1 = exponential(f32x4.sub(v128.load(at, 16), shifts));
    v128.store(at, y0);
    v128.store(at, y1, 16);
    low = f32x4.add(low, y0);
    high = f32x4.add(high, y1);
  }
  const total = sumLanes(f32x4.add(low, high));
  const factors = splat(factor / total);
  if (factor == 1) {
    for (let at = x; at < end; at += 32) {
      const y0 = f32x4.mul(v128.load(at), factors);
      const y1 = f32x4.mul(v128.load(at, 16), factors);
      v128.store(at, y0);
      v128.store(at, y1, 16);
    }
  } else {
    for (let at = x; at < end; at += 16) {
      v128.store(at, v128.and(f32x4.mul(v128.load(at), factors), keptMask(counter, seedLow, seedHigh, threshold)));
      counter += 4;
    }
  }
  return largest + logarithmOf(total);
}

/**
 * qkvGradient[B, T, 3·C] from gradient[B, T, C] of out. Weights are computed again from logSumExps.
 * With P the weights, D dropout's factors: dV = (P⊙D)ᵀ·dO; dP = dO·Vᵀ; dS = scale·P⊙(dP⊙D − dO·out); dQ = dS·K;
 * dK = dSᵀ·Q. Reference: `attentionBackward`.
 */
export function attentionBackward(
  qkv: usize,
  out: usize,
  logSumExps: usize,
  gradient: usize,
  qkvGradient: usize,
  tokens: i32,
  heads: i32,
  headSize: i32,
  causal: i32,
  scale: f32,
  threshold: u32,
  factor: f32,
  seedLow: i32,
  seedHigh: i32,
  panel: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const channels = heads * headSize;
  const stride = bytes(3 * channels);
  const outRow = bytes(channels);
  const blockRows = blockRowsOf(tokens);
  const scoresRow = bytes(padded(tokens) + ROW_PADDING);
  const turnedRow = bytes(blockRows + ROW_PADDING);
  const keysTurned = scratch + FIRST;
  const valuesTurned = keysTurned + bytes(padded(tokens) * headSize);
  const keys = valuesTurned + bytes(padded(tokens) * headSize);
  const queries = keys + bytes(tokens * padded(headSize));
  const outputs = queries + bytes(blockRows * padded(headSize));
  const weights = outputs + bytes(blockRows * padded(headSize));
  const slopes = weights + <usize>blockRows * scoresRow;
  const weightsTurned = slopes + <usize>blockRows * scoresRow;
  const slopesTurned = weightsTurned + <usize>padded(tokens) * turnedRow;
  for (let unit = begin; unit < end; unit++) {
    const batch = unit / heads;
    const head = unit % heads;
    const q = qkv + <usize>batch * <usize>tokens * stride + bytes(head * headSize);
    const k = q + bytes(channels);
    const v = k + bytes(channels);
    const toQ = qkvGradient + <usize>batch * <usize>tokens * stride + bytes(head * headSize);
    const toK = toQ + bytes(channels);
    const toV = toK + bytes(channels);
    const y = out + <usize>batch * <usize>tokens * outRow + bytes(head * headSize);
    const g = gradient + <usize>batch * <usize>tokens * outRow + bytes(head * headSize);
    packPanels(k, stride, 1, keysTurned, headSize, tokens, panel);
    packPanels(v, stride, 1, valuesTurned, headSize, tokens, panel);
    packPanels(k, stride, 0, keys, tokens, headSize, panel);
    // From the last block to the first: the last reaches every key and so begins the sums of all keys and values.
    let firstRow = ((tokens - 1) / blockRows) * blockRows;
    let begins = true;
    for (; firstRow >= 0; firstRow -= blockRows) {
      const rows = min(blockRows, tokens - firstRow);
      const queryRows = q + <usize>firstRow * stride;
      const gradientRows = g + <usize>firstRow * outRow;
      multiplyScores(queryRows, stride, keysTurned, weights, scoresRow, firstRow, rows, tokens, headSize, causal, panel, scratch);
      multiplyScores(gradientRows, outRow, valuesTurned, slopes, scoresRow, firstRow, rows, tokens, headSize, causal, panel, scratch);
      for (let m = 0; m < rows; m++) {
        const row = firstRow + m;
        weighSlopes(
          weights + <usize>m * scoresRow,
          slopes + <usize>m * scoresRow,
          causal ? row + 1 : tokens,
          (reachOf(firstRow, m, tokens, causal) + 7) & ~7,
          scale,
          load<f32>(logSumExps + bytes(unit * tokens + row)),
          dotOf(gradientRows + <usize>m * outRow, y + <usize>row * outRow, headSize, scratch),
          threshold,
          factor,
          (unit * tokens + row) * tokens,
          seedLow,
          seedHigh,
        );
      }
      let packed = keys;
      for (let n = 0; n < headSize; n += panel) {
        for (let m = 0; m < rows; m += TILE_ROWS) {
          multiplyAnyTile(
            slopes + <usize>m * scoresRow,
            scoresRow,
            packed,
            scratch,
            0,
            0,
            toQ + <usize>(firstRow + m) * stride + bytes(n),
            stride,
            reachOf(firstRow, m, tokens, causal),
            rows - m,
            headSize - n,
            panel,
            scratch,
          );
        }
        packed += bytes(tokens * panel);
      }
      const reach = causal ? firstRow + rows : tokens;
      transposeBlock(weights, scoresRow, weightsTurned, turnedRow, rows, reach);
      transposeBlock(slopes, scoresRow, slopesTurned, turnedRow, rows, reach);
      packPanels(queryRows, stride, 0, queries, rows, headSize, panel);
      packPanels(gradientRows, outRow, 0, outputs, rows, headSize, panel);
      addTurned(weightsTurned, turnedRow, outputs, toV, stride, firstRow, rows, reach, headSize, causal, begins, panel, scratch);
      addTurned(slopesTurned, turnedRow, queries, toK, stride, firstRow, rows, reach, headSize, causal, begins, panel, scratch);
      begins = false;
    }
  }
}

/**
 * out[reach, headSize] (+)= turned[reach, rows]·packed[rows, headSize]: what a block of query rows gives to every key.
 * When causal, only the rows at or below a tile of keys give something to it.
 */
function addTurned(
  turned: usize,
  turnedRow: usize,
  packed: usize,
  out: usize,
  outRow: usize,
  firstRow: i32,
  rows: i32,
  reach: i32,
  headSize: i32,
  causal: i32,
  begins: bool,
  panel: i32,
  scratch: usize,
): void {
  for (let n = 0; n < headSize; n += panel) {
    for (let m = 0; m < reach; m += TILE_ROWS) {
      const first = causal ? max(0, m - firstRow) : 0;
      const to = out + <usize>m * outRow + bytes(n);
      multiplyAnyTile(
        turned + <usize>m * turnedRow + bytes(first),
        turnedRow,
        packed + bytes(first * panel),
        begins ? scratch : to,
        begins ? 0 : outRow,
        begins ? 0 : 4,
        to,
        outRow,
        rows - first,
        reach - m,
        headSize - n,
        panel,
        scratch,
      );
    }
    packed += bytes(rows * panel);
  }
}

/**
 * One query's row: scores → P⊙D in `weights`, dP → scale·P⊙(dP⊙D − inner) in `slopes`; both 0 from `seen` to `reach`.
 */
function weighSlopes(
  weights: usize,
  slopes: usize,
  seen: i32,
  reach: i32,
  scale: f32,
  logSumExp: f32,
  inner: f32,
  threshold: u32,
  factor: f32,
  counter: i32,
  seedLow: i32,
  seedHigh: i32,
): void {
  const scales = splat(scale);
  const shifts = splat(logSumExp);
  const inners = splat(inner);
  const end = bytes(reach);
  // Columns that no key belongs to may hold anything; zeros there keep the arithmetic quiet.
  for (let i = seen; i < reach; i++) store<f32>(weights + bytes(i), 0);
  for (let i = seen; i < reach; i++) store<f32>(slopes + bytes(i), 0);
  if (factor == 1) {
    for (let at: usize = 0; at < end; at += 32) {
      const p0 = exponential(f32x4.sub(f32x4.mul(v128.load(weights + at), scales), shifts));
      const p1 = exponential(f32x4.sub(f32x4.mul(v128.load(weights + at, 16), scales), shifts));
      const s0 = f32x4.mul(f32x4.mul(p0, scales), f32x4.sub(v128.load(slopes + at), inners));
      const s1 = f32x4.mul(f32x4.mul(p1, scales), f32x4.sub(v128.load(slopes + at, 16), inners));
      v128.store(weights + at, p0);
      v128.store(weights + at, p1, 16);
      v128.store(slopes + at, s0);
      v128.store(slopes + at, s1, 16);
    }
  } else {
    const factors = splat(factor);
    for (let at: usize = 0; at < end; at += 16) {
      const kept = v128.and(factors, keptMask(counter, seedLow, seedHigh, threshold));
      const p = exponential(f32x4.sub(f32x4.mul(v128.load(weights + at), scales), shifts));
      const s = f32x4.sub(f32x4.mul(v128.load(slopes + at), kept), inners);
      v128.store(weights + at, f32x4.mul(p, kept));
      v128.store(slopes + at, f32x4.mul(f32x4.mul(p, scales), s));
      counter += 4;
    }
  }
  for (let i = seen; i < reach; i++) store<f32>(weights + bytes(i), 0);
  for (let i = seen; i < reach; i++) store<f32>(slopes + bytes(i), 0);
}
