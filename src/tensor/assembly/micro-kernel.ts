/**
 * The innermost loop of every matrix product: six rows of A times one packed panel of B.
 *
 * Two widths of one pattern. 6 × 8 keeps its 12 sums in the 16 registers of a 128-bit engine. 6 × 16 has 24 sums, which
 * would spill there, but an engine that joins adjacent pairs of vectors into 256-bit ones again needs 12 registers.
 * Every element is one sum over k in ascending order, so both widths give the same bits.
 */

import { multiplyNarrowTile, multiplyWideTile } from "./register-tiles";

/** Rows of a tile. */
export const TILE_ROWS: i32 = 6;
/** Bytes of the six elements of a packed A that a tile needs at one k. */
export const PACKED_STEP: usize = <usize>TILE_ROWS << 2;

/** Columns of a narrow panel. */
const NARROW: i32 = 8;

/** Columns of the panel that begins where `left` columns are left: a narrow one does for the last few. */
@inline
export function panelWidth(left: i32, panel: i32): i32 {
  return left <= NARROW ? NARROW : panel;
}

/**
 * out[6, panel] = init[6, panel] + A·B[k, panel]; panel = 8 or 16. B is contiguous; of A, what belongs to one k lies side
 * by side, [k, 6], and `aStep` bytes further what belongs to the next. Reference: `matmul`. The two bodies are written by
 * scripts/register-tile.mjs.
 */
@inline
export function multiplyTile(
  panel: i32,
  a: usize,
  aStep: usize,
  b: usize,
  init: usize,
  initRow: usize,
  out: usize,
  outRow: usize,
  k: i32,
): void {
  if (panel == 16) multiplyWideTile(a, aStep, b, init, initRow, out, outRow, k);
  else multiplyNarrowTile(a, aStep, b, init, initRow, out, outRow, k);
}
