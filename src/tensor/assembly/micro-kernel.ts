/**
 * The innermost loop of every matrix product: six rows of A times one packed panel of B.
 *
 * Two widths of one pattern. 6 × 8 keeps its 12 sums in the 16 registers of a 128-bit engine. 6 × 16 has 24 sums, which
 * would spill there, but an engine that joins adjacent pairs of vectors into 256-bit ones again needs 12 registers.
 * Every element is one sum over k in ascending order, so both widths give the same bits.
 */

import {
  multiplyNarrowTile,
  multiplyNarrowTransposedTile,
  multiplyWideTile,
  multiplyWideTransposedTile,
} from "./register-tiles";

/** Rows of a tile. */
export const TILE_ROWS: i32 = 6;

/**
 * out[6, panel] = init[6, panel] + A[6, k]·B[k, panel]; panel = 8 or 16.
 * A lies in rows `aRow` bytes apart, B is contiguous; `rows` < 6 reads the last row again in place of missing ones
 * (the output still has six rows). Reference: `matmul`. The bodies are written by scripts/register-tile.mjs.
 */
@inline
export function multiplyTile(
  panel: i32,
  a: usize,
  aRow: usize,
  b: usize,
  init: usize,
  initRow: usize,
  out: usize,
  outRow: usize,
  k: i32,
  rows: i32,
): void {
  if (panel == 16) multiplyWideTile(a, aRow, b, init, initRow, out, outRow, k, rows);
  else multiplyNarrowTile(a, aRow, b, init, initRow, out, outRow, k, rows);
}

/** out[6, panel] = init[6, panel] + Aᵀ·B for A[k, 6] in rows `aRow` bytes apart: six elements are read of each. */
@inline
export function multiplyTransposedTile(
  panel: i32,
  a: usize,
  aRow: usize,
  b: usize,
  init: usize,
  initRow: usize,
  out: usize,
  outRow: usize,
  k: i32,
): void {
  if (panel == 16) multiplyWideTransposedTile(a, aRow, b, init, initRow, out, outRow, k);
  else multiplyNarrowTransposedTile(a, aRow, b, init, initRow, out, outRow, k);
}
