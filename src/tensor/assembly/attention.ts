/**
 * Scaled-dot-product attention on the register tile of the matrix products: a block of query rows at a time, of which
 * the scores lie in the thread's scratch. Beyond them no T × T matrix ever stands in memory, and blocks above the
 * diagonal of a causal mask are never computed. Weights that are NEGLIGIBLE beside the largest of their row become 0.
 */

import { constant, exponential, keptMask, laneNumbers, loadSome, logarithm, madd, NEGLIGIBLE, splat, storePair, storeSome } from "./lanes";
import { multiplyAnyTile, packPanels, packRows } from "./matmul";
import { multiplyTile, PACKED_STEP, panelWidth, TILE_ROWS } from "./micro-kernel";
import { dotOf } from "./rows";

/** The score of a hidden key, and the log-sum-exp of a query that no key is left to (see AttentionLayout). */
const HIDDEN_SCORE: f32 = -1e9;
const HIDDEN = memory.data<f32>([HIDDEN_SCORE]);
export const MINUS_INFINITY = memory.data<f32>([-Infinity]);

// The scratch of a thread, in bytes from its start: zeros and the cut tile of the matrix products, then per tile row
// the lanes of a maximum or sum, the maxima, and the factors that the outputs still need.
const LANES: usize = 512;
const LANES_ROW: usize = 32;
const LARGEST: usize = LANES + 8 * LANES_ROW;
const FACTORS: usize = LARGEST + 32;
const FIRST: usize = 1024;
/** Keeps rows of a power of two from competing for the same cache lines. */
const ROW_PADDING: i32 = 16;
/**
 * Scores of a block of query rows: with their padding at most 30 KiB up to T = 512, about a first-level cache. Beyond that a
 * block is the least, 12 rows, and its 48·T bytes outgrow it (49 KiB at T = 1024, 97 at 2048). Beside the scores lie a panel
 * of keys, 4 KiB at a head of 64, and of values 64·T bytes with the 24·T of a tile's packed weights: 44 KiB at T = 512. So
 * short sequences work in the first-level cache, those from about 512 on in the second.
 */
const BLOCK_SCORES: i32 = 6144;

/** Query rows of a block: whole tiles. */
@inline
function blockRowsOf(tokens: i32): i32 {
  return max(2, min(16, BLOCK_SCORES / padded(tokens) / TILE_ROWS)) * TILE_ROWS;
}

/**
 * As many for the backward pass, where every block adds to the gradients of all keys: longer blocks were to pay. Whole steps
 * at T = 32, 64 and 128 take as long with 48 throughout or 96 throughout, within the noise of 10 to 24 rounds by turns.
 */
@inline
function backwardBlockRowsOf(tokens: i32): i32 {
  return tokens <= 256 ? 96 : 48;
}

/** Blocks of query rows per head, the units of {@link attention}. */
export function attentionBlocks(tokens: i32): i32 {
  const rows = blockRowsOf(tokens);
  return (tokens + rows - 1) / rows;
}

@inline
function padded(size: i32): i32 {
  return (size + 15) & ~15;
}

/** Rows with those that fill up the last tile. */
@inline
function wholeTiles(rows: i32): i32 {
  return ((rows + TILE_ROWS - 1) / TILE_ROWS) * TILE_ROWS;
}

@inline
export function bytes(elements: i32): usize {
  return <usize>elements << 2;
}

/**
 * Bytes of scratch per thread; the first 64 must be zero and stay so. In f64, which also holds what is asked about
 * before it is refused as larger than the memory.
 */
export function attentionScratchBytes(tokens: i32, headSize: i32): f64 {
  const rows: f64 = blockRowsOf(tokens);
  const keys: f64 = padded(tokens);
  const columns: f64 = padded(headSize);
  return (
    <f64>FIRST +
    4 *
      (<f64>(1 + TILE_ROWS) * keys +
        keys * <f64>headSize +
        <f64>tokens * columns +
        rows * columns +
        rows * (keys + <f64>ROW_PADDING))
  );
}

/** Bytes of scratch per thread of {@link attentionBackward}. */
export function attentionBackwardScratchBytes(tokens: i32, headSize: i32): f64 {
  const rows: f64 = backwardBlockRowsOf(tokens);
  const keys: f64 = padded(tokens);
  const columns: f64 = padded(headSize);
  return (
    <f64>FIRST +
    4 *
      (<f64>(1 + TILE_ROWS) * keys +
        2 * keys * <f64>headSize +
        <f64>tokens * columns +
        4 * rows * columns +
        2 * rows * (keys + <f64>ROW_PADDING))
  );
}

/** x[i] ×= factor for `count` elements, rounded up to whole pairs of vectors. */
function scaleRun(x: usize, count: i32, factor: f32): void {
  const factors = splat(factor);
  for (; count > 0; count -= 8) {
    const low = f32x4.mul(v128.load(x), factors);
    const high = f32x4.mul(v128.load(x, 16), factors);
    storePair(x, low, high);
    x += 32;
  }
}

/**
 * scores[rows, tokens] = A·B for `rows` query rows from `firstRow` on, where A is packed in tiles [rows / 6][depth][6] and
 * B in panels [tokens / panel][depth][panel]. Columns right of a row's tile are left out when causal.
 */
@inline
function multiplyScores(
  packedA: usize,
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
        panelWidth(tokens - n, panel),
        packedA + bytes(m * depth),
        PACKED_STEP,
        packed,
        scratch,
        0,
        scores + <usize>m * scoresRow + (<usize>n << 2),
        scoresRow,
        depth,
      );
    }
    packed += bytes(depth * panel);
  }
}

/** Columns that the tile of a row needs: up to its last row's diagonal when causal. */
@inline
function reachOf(row: i32, tokens: i32, causal: i32): i32 {
  return causal ? min(tokens, row + TILE_ROWS) : tokens;
}

/** Keys that a row sees by causality. */
@inline
function seenOf(row: i32, tokens: i32, causal: i32): i32 {
  return causal ? min(tokens, row + 1) : tokens;
}

/** hidden[tokens] = all ones where a row of the mask is 0; `step` bytes from key to key: 4, or 0 for one number. */
function readMask(mask: usize, step: usize, hidden: usize, tokens: i32): void {
  let i = 0;
  if (step) {
    for (; i + 4 <= tokens; i += 4) v128.store(hidden + bytes(i), f32x4.eq(v128.load(mask + bytes(i)), splat(0)));
    for (; i < tokens; i++) store<i32>(hidden + bytes(i), load<f32>(mask + bytes(i)) == 0 ? -1 : 0);
  } else {
    const all = i32x4.splat(load<f32>(mask) == 0 ? -1 : 0);
    for (; i < tokens; i += 4) v128.store(hidden + bytes(i), all);
  }
}

/** All ones where column `i` + lane lies at `seen` or beyond. */
@inline
function beyond(i: i32, lanes: v128, seen: v128): v128 {
  return i32x4.ge_s(i32x4.add(i32x4.splat(i), lanes), seen);
}

/**
 * out[B, T, C] and logSumExps[B, heads, T] from qkv[B, T, 3·C]; C = heads·headSize. Reference: `attention`.
 * `mask` (an address, 0 for none) hides keys, with strides in elements. Dropout with `threshold` and `factor` =
 * 1/(1 − p); none when the factor is 1. Unit of work: one block of query rows of one head of one batch.
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
  mask: usize,
  maskBatch: usize,
  maskHead: usize,
  maskQuery: usize,
  maskKey: usize,
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
  const blocks = attentionBlocks(tokens);
  const hidden = scratch + FIRST;
  const keys = hidden + bytes(padded(tokens));
  const values = keys + bytes(padded(tokens) * headSize);
  const queries = values + bytes(tokens * padded(headSize));
  const weightTile = queries + bytes(blockRows * padded(headSize));
  const scores = weightTile + bytes(TILE_ROWS * padded(tokens));
  const scoresRow = bytes(padded(tokens) + ROW_PADDING);
  let packedHead = -1;
  for (let unit = begin; unit < end; unit++) {
    const headIndex = unit / blocks;
    const batch = headIndex / heads;
    const head = headIndex % heads;
    const q = qkv + <usize>batch * <usize>tokens * stride + bytes(head * headSize);
    const k = q + bytes(channels);
    const v = k + bytes(channels);
    const y = out + <usize>batch * <usize>tokens * outRow + bytes(head * headSize);
    const headMask = mask ? mask + ((<usize>batch * maskBatch + <usize>head * maskHead) << 2) : 0;
    if (headIndex != packedHead) {
      packedHead = headIndex;
      packPanels(k, stride, 1, keys, headSize, tokens, panel);
      packPanels(v, stride, 0, values, tokens, headSize, panel);
      if (mask && !maskQuery) readMask(headMask, maskKey << 2, hidden, tokens);
    }
    const firstRow = (unit % blocks) * blockRows;
    const rows = min(blockRows, tokens - firstRow);
    packRows(q + <usize>firstRow * stride, stride, queries, headSize, rows);
    scaleRun(queries, wholeTiles(rows) * headSize, scale);
    multiplyScores(queries, keys, scores, scoresRow, firstRow, rows, tokens, headSize, causal, panel, scratch);
    for (let m = 0; m < rows; m += TILE_ROWS) {
      const row = firstRow + m;
      const tileRows = min(TILE_ROWS, rows - m);
      const tile = scores + <usize>m * scoresRow;
      const reach = reachOf(row, tokens, causal);
      const tileSums = logSumExps + bytes(headIndex * tokens + row);
      if (mask) {
        for (let r = 0; r < tileRows; r++) {
          if (maskQuery) readMask(headMask + ((<usize>(row + r) * maskQuery) << 2), maskKey << 2, hidden, tokens);
          hideScores(tile + <usize>r * scoresRow, hidden, reach);
        }
      }
      softmaxTile(tile, scoresRow, row, tileRows, tokens, causal, threshold, factor, (headIndex * tokens + row) * tokens, seedLow, seedHigh, tileSums, scratch);
      packRows(tile, scoresRow, weightTile, reach, tileRows);
      let packed = values;
      for (let n = 0; n < headSize; n += panel) {
        const to = y + <usize>row * outRow + bytes(n);
        multiplyAnyTile(weightTile, PACKED_STEP, packed, scratch, 0, 0, to, outRow, reach, tileRows, headSize - n, panel, scratch);
        packed += bytes(tokens * panel);
      }
      for (let r = 0; r < tileRows; r++) {
        scaleRow(y + <usize>(row + r) * outRow, headSize, load<f32>(scratch + FACTORS + bytes(r)));
      }
      if (!mask) continue;
      for (let r = 0; r < tileRows; r++) {
        if (load<f32>(tileSums + bytes(r)) != HIDDEN_SCORE) continue;
        const to = y + <usize>(row + r) * outRow;
        for (let d = 0; d < headSize; d++) store<f32>(to + bytes(d), 0);
        addEvenly(v, stride, to, 0, tokens, headSize, threshold, factor, (headIndex * tokens + row + r) * tokens, seedLow, seedHigh);
      }
    }
  }
}

/** x[i] ×= factor for exactly `count` elements. */
@inline
export function scaleRow(x: usize, count: i32, factor: f32): void {
  const factors = splat(factor);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const at = x + bytes(i);
    const low = f32x4.mul(v128.load(at), factors);
    const high = f32x4.mul(v128.load(at, 16), factors);
    storePair(at, low, high);
  }
  for (; i < count; i++) store<f32>(x + bytes(i), load<f32>(x + bytes(i)) * factor);
}

/** A row's scores become HIDDEN where the mask says so. */
function hideScores(x: usize, hidden: usize, reach: i32): void {
  const end = x + bytes(reach);
  for (; x < end; x += 32) {
    const low = v128.bitselect(constant(HIDDEN), v128.load(x), v128.load(hidden));
    const high = v128.bitselect(constant(HIDDEN), v128.load(x, 16), v128.load(hidden, 16));
    storePair(x, low, high);
    hidden += 32;
  }
}

/**
 * What a query without any key gets or gives, with D dropout's factors of its row: out[j] += D[j]/tokens · x[j] for
 * `headSize` elements at steps of `xStep` and `outStep` bytes, one of which is 0.
 */
function addEvenly(
  x: usize,
  xStep: usize,
  out: usize,
  outStep: usize,
  tokens: i32,
  headSize: i32,
  threshold: u32,
  factor: f32,
  counter: i32,
  seedLow: i32,
  seedHigh: i32,
): void {
  const share = splat(factor / <f32>tokens);
  for (let j = 0; j < tokens; j++) {
    let weight = share;
    if (factor != 1) weight = splat(f32x4.extract_lane(v128.and(share, keptMask(counter + j, seedLow, seedHigh, threshold)), 0));
    let d = 0;
    for (; d + 4 <= headSize; d += 4) v128.store(out + bytes(d), madd(weight, v128.load(x + bytes(d)), v128.load(out + bytes(d))));
    const left = headSize - d;
    if (left > 0) storeSome(out + bytes(d), madd(weight, loadSome(x + bytes(d), left), loadSome(out + bytes(d), left)), left);
    x += xStep;
    out += outStep;
  }
}

/** The larger of each pair of lanes that lie 8 or 4 bytes apart: after both all lanes hold the largest. */
@inline
export function largestLane(x: v128): v128 {
  const half = f32x4.pmax(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.pmax(half, v128.shuffle<f32>(half, half, 1, 0, 3, 2));
}

/**
 * Six rows of scores → e^(score − largest), 0 where nothing is seen, with dropout's zeros. Writes the log-sum-exps of
 * the first `rows` of them, and to FACTORS what their weights' outputs must be multiplied by: dropout's factor/Σ.
 */
function softmaxTile(
  scores: usize,
  scoresRow: usize,
  row: i32,
  rows: i32,
  tokens: i32,
  causal: i32,
  threshold: u32,
  factor: f32,
  counter: i32,
  seedLow: i32,
  seedHigh: i32,
  logSumExps: usize,
  scratch: usize,
): void {
  const reach = (reachOf(row, tokens, causal) + 7) & ~7;
  const end = scores + bytes(reach);
  const lanes = scratch + LANES;
  const largest = scratch + LARGEST;
  const factors = scratch + FACTORS;
  const firstLanes = laneNumbers();
  const lastLanes = laneNumbers(1);
  // What a query does not see, and columns beyond the last key, which may hold anything.
  for (let i = seenOf(row, tokens, causal) & ~7; i < reach; i += 8) {
    let x = scores + bytes(i);
    for (let r = 0; r < TILE_ROWS; r++) {
      const seen = i32x4.splat(seenOf(row + r, tokens, causal));
      const low = v128.bitselect(constant(MINUS_INFINITY), v128.load(x), beyond(i, firstLanes, seen));
      const high = v128.bitselect(constant(MINUS_INFINITY), v128.load(x, 16), beyond(i, lastLanes, seen));
      storePair(x, low, high);
      x += scoresRow;
    }
  }
  let low0 = constant(MINUS_INFINITY);
  let low1 = low0;
  let low2 = low0;
  let low3 = low0;
  let low4 = low0;
  let low5 = low0;
  let high0 = low0;
  let high1 = low0;
  let high2 = low0;
  let high3 = low0;
  let high4 = low0;
  let high5 = low0;
  // `pmax` is one instruction; it passes over NaN, which shows again in the exponentials.
  for (let x = scores; x < end; x += 32) {
    let at = x;
    low0 = f32x4.pmax(low0, v128.load(at));
    high0 = f32x4.pmax(high0, v128.load(at, 16));
    at += scoresRow;
    low1 = f32x4.pmax(low1, v128.load(at));
    high1 = f32x4.pmax(high1, v128.load(at, 16));
    at += scoresRow;
    low2 = f32x4.pmax(low2, v128.load(at));
    high2 = f32x4.pmax(high2, v128.load(at, 16));
    at += scoresRow;
    low3 = f32x4.pmax(low3, v128.load(at));
    high3 = f32x4.pmax(high3, v128.load(at, 16));
    at += scoresRow;
    low4 = f32x4.pmax(low4, v128.load(at));
    high4 = f32x4.pmax(high4, v128.load(at, 16));
    at += scoresRow;
    low5 = f32x4.pmax(low5, v128.load(at));
    high5 = f32x4.pmax(high5, v128.load(at, 16));
  }
  storePair(lanes, low0, high0);
  storePair(lanes + 32, low1, high1);
  storePair(lanes + 64, low2, high2);
  storePair(lanes + 96, low3, high3);
  storePair(lanes + 128, low4, high4);
  storePair(lanes + 160, low5, high5);
  for (let r = 0; r < TILE_ROWS; r++) {
    const at = lanes + <usize>r * LANES_ROW;
    v128.store_lane<f32>(largest + bytes(r), largestLane(f32x4.pmax(v128.load(at), v128.load(at, 16))), 0);
  }
  let x = scores;
  for (let r = 0; r < TILE_ROWS; r++) {
    const at = lanes + <usize>r * LANES_ROW;
    if (factor == 1) exponentialRow(x, reach, largest + bytes(r), at);
    else droppedExponentialRow(x, reach, largest + bytes(r), at, threshold, counter + r * tokens, seedLow, seedHigh);
    x += scoresRow;
  }
  // The sums of eight lanes each, four rows at a time. Two rows beyond the tile hold the last round's.
  for (let r = 0; r < 8; r += 4) {
    const at = lanes + <usize>r * LANES_ROW;
    const s0 = f32x4.add(v128.load(at), v128.load(at, 16));
    const s1 = f32x4.add(v128.load(at, 32), v128.load(at, 48));
    const s2 = f32x4.add(v128.load(at, 64), v128.load(at, 80));
    const s3 = f32x4.add(v128.load(at, 96), v128.load(at, 112));
    const pairs01 = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 4, 1, 5), v128.shuffle<f32>(s0, s1, 2, 6, 3, 7));
    const pairs23 = f32x4.add(v128.shuffle<f32>(s2, s3, 0, 4, 1, 5), v128.shuffle<f32>(s2, s3, 2, 6, 3, 7));
    const totals = f32x4.add(v128.shuffle<f32>(pairs01, pairs23, 0, 1, 4, 5), v128.shuffle<f32>(pairs01, pairs23, 2, 3, 6, 7));
    v128.store(factors + bytes(r), f32x4.div(splat(factor), totals));
    v128.store(at, f32x4.add(v128.load(largest + bytes(r)), logarithm(totals)));
  }
  for (let r = 0; r < rows; r++) {
    const at = lanes + (r < 4 ? bytes(r) : 4 * LANES_ROW + bytes(r - 4));
    store<f32>(logSumExps + bytes(r), load<f32>(at));
  }
}

/** A row of scores → e^(score − number at `shift`), and the eight lanes of their sum. */
@inline
export function exponentialRow(x: usize, reach: i32, shift: usize, lanes: usize): void {
  const end = x + bytes(reach);
  const shifts = constant(shift);
  let low = splat(0);
  let high = splat(0);
  for (; x < end; x += 32) {
    const y0 = exponential(f32x4.sub(v128.load(x), shifts), NEGLIGIBLE);
    const y1 = exponential(f32x4.sub(v128.load(x, 16), shifts), NEGLIGIBLE);
    storePair(x, y0, y1);
    low = f32x4.add(low, y0);
    high = f32x4.add(high, y1);
  }
  storePair(lanes, low, high);
}

/** The same with zeros where dropout drops; they count in the sum. */
@inline
function droppedExponentialRow(
  x: usize,
  reach: i32,
  shift: usize,
  lanes: usize,
  threshold: u32,
  counter: i32,
  seedLow: i32,
  seedHigh: i32,
): void {
  const end = x + bytes(reach);
  const shifts = constant(shift);
  const firstLanes = laneNumbers();
  const lastLanes = laneNumbers(1);
  let low = splat(0);
  let high = splat(0);
  for (; x < end; x += 32) {
    const y0 = exponential(f32x4.sub(v128.load(x), shifts), NEGLIGIBLE);
    const y1 = exponential(f32x4.sub(v128.load(x, 16), shifts), NEGLIGIBLE);
    const kept0 = v128.and(y0, keptMask(counter, seedLow, seedHigh, threshold, firstLanes));
    const kept1 = v128.and(y1, keptMask(counter, seedLow, seedHigh, threshold, lastLanes));
    storePair(x, kept0, kept1);
    low = f32x4.add(low, y0);
    high = f32x4.add(high, y1);
    counter += 8;
  }
  storePair(lanes, low, high);
}

/**
 * qkvGradient[B, T, 3·C] from gradient[B, T, C] of out. Weights are computed again from logSumExps.
 * With P the weights, D dropout's factors: dV = (P⊙D)ᵀ·dO; dP = dO·Vᵀ; dS = P⊙(dP⊙D − dO·out); dQ = dS·(scale·K);
 * dK = dSᵀ·(scale·Q). Reference: `attentionBackward`. Unit of work: one head of one batch.
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
  mask: usize,
  maskBatch: usize,
  maskHead: usize,
  maskQuery: usize,
  maskKey: usize,
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
  const blockRows = backwardBlockRowsOf(tokens);
  const scoresRow = bytes(padded(tokens) + ROW_PADDING);
  const hidden = scratch + FIRST;
  const keysTurned = hidden + bytes(padded(tokens));
  const valuesTurned = keysTurned + bytes(padded(tokens) * headSize);
  const keys = valuesTurned + bytes(padded(tokens) * headSize);
  const queryTiles = keys + bytes(tokens * padded(headSize));
  const gradientTiles = queryTiles + bytes(blockRows * padded(headSize));
  const queries = gradientTiles + bytes(blockRows * padded(headSize));
  const outputs = queries + bytes(blockRows * padded(headSize));
  const slopeTile = outputs + bytes(blockRows * padded(headSize));
  const weights = slopeTile + bytes(TILE_ROWS * padded(tokens));
  const slopes = weights + <usize>blockRows * scoresRow;
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
    const sums = logSumExps + bytes(unit * tokens);
    const headMask = mask ? mask + ((<usize>batch * maskBatch + <usize>head * maskHead) << 2) : 0;
    packPanels(k, stride, 1, keysTurned, headSize, tokens, panel);
    packPanels(v, stride, 1, valuesTurned, headSize, tokens, panel);
    packPanels(k, stride, 0, keys, tokens, headSize, panel);
    scaleRun(keys, tokens * ((headSize + panel - 1) / panel) * panel, scale);
    if (mask && !maskQuery) readMask(headMask, maskKey << 2, hidden, tokens);
    // From the last block to the first: the last reaches every key and so begins the sums of all keys and values.
    let firstRow = ((tokens - 1) / blockRows) * blockRows;
    let begins = true;
    for (; firstRow >= 0; firstRow -= blockRows) {
      const rows = min(blockRows, tokens - firstRow);
      const gradientRows = g + <usize>firstRow * outRow;
      packRows(q + <usize>firstRow * stride, stride, queryTiles, headSize, rows);
      scaleRun(queryTiles, wholeTiles(rows) * headSize, scale);
      packRows(gradientRows, outRow, gradientTiles, headSize, rows);
      multiplyScores(queryTiles, keysTurned, weights, scoresRow, firstRow, rows, tokens, headSize, causal, panel, scratch);
      multiplyScores(gradientTiles, valuesTurned, slopes, scoresRow, firstRow, rows, tokens, headSize, causal, panel, scratch);
      for (let m = 0; m < rows; m += TILE_ROWS) {
        const row = firstRow + m;
        const tileRows = min(TILE_ROWS, rows - m);
        const reach = reachOf(row, tokens, causal);
        const tile = slopes + <usize>m * scoresRow;
        for (let r = 0; r < tileRows; r++) {
          const rowWeights = weights + <usize>(m + r) * scoresRow;
          const rowSlopes = tile + <usize>r * scoresRow;
          const inner = scratch + LANES;
          store<f32>(inner, dotOf(gradientRows + <usize>(m + r) * outRow, y + <usize>(row + r) * outRow, headSize, scratch));
          if (factor == 1) weighSlopes(rowWeights, rowSlopes, reach, sums + bytes(row + r), inner);
          else {
            const counter = (unit * tokens + row + r) * tokens;
            weighDroppedSlopes(rowWeights, rowSlopes, reach, sums + bytes(row + r), inner, threshold, factor, counter, seedLow, seedHigh);
          }
          if (mask) {
            if (maskQuery) readMask(headMask + ((<usize>(row + r) * maskQuery) << 2), maskKey << 2, hidden, tokens);
            clearHidden(rowWeights, hidden, reach);
            clearHidden(rowSlopes, hidden, reach);
          }
        }
        clearUnseen(weights + <usize>m * scoresRow, scoresRow, row, tokens, causal);
        clearUnseen(tile, scoresRow, row, tokens, causal);
        packRows(tile, scoresRow, slopeTile, reach, tileRows);
        let packed = keys;
        for (let n = 0; n < headSize; n += panel) {
          const to = toQ + <usize>row * stride + bytes(n);
          multiplyAnyTile(slopeTile, PACKED_STEP, packed, scratch, 0, 0, to, stride, reach, tileRows, headSize - n, panel, scratch);
          packed += bytes(tokens * panel);
        }
      }
      const reach = causal ? firstRow + rows : tokens;
      packPanels(q + <usize>firstRow * stride, stride, 0, queries, rows, headSize, panel);
      scaleRun(queries, rows * ((headSize + panel - 1) / panel) * panel, scale);
      packPanels(gradientRows, outRow, 0, outputs, rows, headSize, panel);
      addTransposed(weights, scoresRow, outputs, toV, stride, firstRow, rows, reach, headSize, causal, begins, panel, scratch);
      addTransposed(slopes, scoresRow, queries, toK, stride, firstRow, rows, reach, headSize, causal, begins, panel, scratch);
      begins = false;
    }
    if (!mask) continue;
    for (let row = 0; row < tokens; row++) {
      if (load<f32>(sums + bytes(row)) != HIDDEN_SCORE) continue;
      addEvenly(g + <usize>row * outRow, 0, toV, stride, tokens, headSize, threshold, factor, (unit * tokens + row) * tokens, seedLow, seedHigh);
    }
  }
}

/**
 * out[reach, headSize] (+)= Aᵀ·B of a[rows, reach] and packed[rows, headSize]: what a block of query rows gives to every
 * key. When causal, only the rows at or below a tile of keys give something to it.
 */
function addTransposed(
  a: usize,
  aRow: usize,
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
        a + <usize>first * aRow + bytes(m),
        aRow,
        packed + bytes(first * panelWidth(headSize - n, panel)),
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
 * One query's row: scores → P in `weights`, dP → P⊙(dP − inner) in `slopes`, up to `reach` rounded up to 8. The row's
 * log-sum-exp and inner = dO·out lie at addresses.
 */
@inline
function weighSlopes(weights: usize, slopes: usize, reach: i32, logSumExp: usize, inner: usize): void {
  const shifts = constant(logSumExp);
  const inners = constant(inner);
  const end = bytes(reach);
  for (let at: usize = 0; at < end; at += 32) {
    const p0 = exponential(f32x4.sub(v128.load(weights + at), shifts), NEGLIGIBLE);
    const p1 = exponential(f32x4.sub(v128.load(weights + at, 16), shifts), NEGLIGIBLE);
    const s0 = f32x4.mul(p0, f32x4.sub(v128.load(slopes + at), inners));
    const s1 = f32x4.mul(p1, f32x4.sub(v128.load(slopes + at, 16), inners));
    storePair(weights + at, p0, p1);
    storePair(slopes + at, s0, s1);
  }
}

/** The same with dropout: P⊙D in `weights`, P⊙(dP⊙D − inner) in `slopes`. */
@inline
function weighDroppedSlopes(
  weights: usize,
  slopes: usize,
  reach: i32,
  logSumExp: usize,
  inner: usize,
  threshold: u32,
  factor: f32,
  counter: i32,
  seedLow: i32,
  seedHigh: i32,
): void {
  const shifts = constant(logSumExp);
  const inners = constant(inner);
  const factors = splat(factor);
  const end = bytes(reach);
  const firstLanes = laneNumbers();
  const lastLanes = laneNumbers(1);
  for (let at: usize = 0; at < end; at += 32) {
    const kept0 = v128.and(factors, keptMask(counter, seedLow, seedHigh, threshold, firstLanes));
    const kept1 = v128.and(factors, keptMask(counter, seedLow, seedHigh, threshold, lastLanes));
    const p0 = exponential(f32x4.sub(v128.load(weights + at), shifts), NEGLIGIBLE);
    const p1 = exponential(f32x4.sub(v128.load(weights + at, 16), shifts), NEGLIGIBLE);
    const s0 = f32x4.mul(p0, f32x4.sub(f32x4.mul(v128.load(slopes + at), kept0), inners));
    const s1 = f32x4.mul(p1, f32x4.sub(f32x4.mul(v128.load(slopes + at, 16), kept1), inners));
    const w0 = f32x4.mul(p0, kept0);
    const w1 = f32x4.mul(p1, kept1);
    storePair(weights + at, w0, w1);
    storePair(slopes + at, s0, s1);
    counter += 8;
  }
}

/** A row becomes 0 where the mask hides keys. */
function clearHidden(x: usize, hidden: usize, reach: i32): void {
  const end = x + bytes(reach);
  for (; x < end; x += 32) {
    const low = v128.andnot(v128.load(x), v128.load(hidden));
    const high = v128.andnot(v128.load(x, 16), v128.load(hidden, 16));
    storePair(x, low, high);
    hidden += 32;
  }
}

/** Six rows become 0 where their queries see nothing, up to their common reach rounded up to 8. */
function clearUnseen(x: usize, xRow: usize, row: i32, tokens: i32, causal: i32): void {
  const reach = reachOf(row, tokens, causal);
  const firstLanes = laneNumbers();
  const lastLanes = laneNumbers(1);
  for (let i = seenOf(row, tokens, causal) & ~7; i < reach; i += 8) {
    let at = x + bytes(i);
    for (let r = 0; r < TILE_ROWS; r++) {
      const seen = i32x4.splat(seenOf(row + r, tokens, causal));
      const low = v128.andnot(v128.load(at), beyond(i, firstLanes, seen));
      const high = v128.andnot(v128.load(at, 16), beyond(i, lastLanes, seen));
      storePair(at, low, high);
      at += xRow;
    }
  }
}
