/**
 * Attention of a few new positions to many whose keys and values were kept. Each query is a product of a row with the keys and
 * one of its weights with the values, so that both are read where they lie, once. All sums have the order that they have in
 * {@link attention} of the whole sequence, and so the same bits.
 */

import { bytes, exponentialRow, largestLane, MINUS_INFINITY, scaleRow } from "./attention";
import { constant, storePair } from "./lanes";
import { addDotProducts, addScaledRows } from "./row-product";

// The scratch of a thread, in bytes from its start: the eight lanes of a sum, the largest score, and then the scores.
const LANES: usize = 64;
const LARGEST: usize = 96;
const FIRST: usize = 128;

/** Bytes of scratch per thread, for `keys` keys at most. */
export function cachedAttentionScratchBytes(keys: i32, headSize: i32): usize {
  return FIRST + bytes(((keys + 7) & ~7) + headSize);
}

/**
 * out[tokens, C] from the queries in qkv[tokens, 3·C] and keys and values [heads, capacity, headSize]; C = heads·headSize.
 * Position i of the new ones sees past + i + 1 keys. Unit of work: one head of one position. Reference: `cachedAttention`.
 */
export function cachedAttention(
  qkv: usize,
  keys: usize,
  values: usize,
  out: usize,
  past: i32,
  capacity: i32,
  heads: i32,
  headSize: i32,
  scale: f32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const outRow = bytes(heads * headSize);
  const row = bytes(headSize);
  const scores = scratch + FIRST;
  const largest = scratch + LARGEST;
  const lanes = scratch + LANES;
  for (let unit = begin; unit < end; unit++) {
    const token = unit / heads;
    const head = <usize>(unit % heads);
    const kept = head * <usize>capacity * row;
    const count = past + token + 1;
    const reach = (count + 7) & ~7;
    const query = scores + bytes(reach);
    memory.copy(query, qkv + <usize>token * 3 * outRow + head * row, row);
    scaleRow(query, headSize, scale);
    memory.fill(scores, 0, bytes(count));
    addDotProducts(query, keys + kept, row, scores, count, headSize);
    for (let i = count; i < reach; i++) store<f32>(scores + bytes(i), -Infinity);
    let low = constant(MINUS_INFINITY);
    let high = low;
    for (let i = 0; i < reach; i += 8) {
      low = f32x4.pmax(low, v128.load(scores + bytes(i)));
      high = f32x4.pmax(high, v128.load(scores + bytes(i), 16));
    }
    storePair(lanes, low, high);
    v128.store_lane<f32>(largest, largestLane(f32x4.pmax(v128.load(lanes), v128.load(lanes, 16))), 0);
    exponentialRow(scores, reach, largest, lanes);
    const sums = f32x4.add(v128.load(lanes), v128.load(lanes, 16));
    const total =
      f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 2) + (f32x4.extract_lane(sums, 1) + f32x4.extract_lane(sums, 3));
    const to = out + <usize>token * outRow + head * row;
    memory.fill(to, 0, row);
    addScaledRows(scores, values + kept, row, to, headSize, count);
    scaleRow(to, headSize, <f32>1 / total);
  }
}
