/** The register tile by itself, for measuring what the matrix products could reach at most. */

import { multiplyTile, TILE_ROWS } from "./micro-kernel";

/** out[6, panel] = A[6, k]·B[k, panel], `times` times over: both operands stay in the first-level cache. */
export function multiplyTileRepeatedly(panel: i32, a: usize, b: usize, zeros: usize, out: usize, k: i32, times: i32): void {
  for (; times > 0; times--) multiplyTile(panel, a, <usize>k << 2, b, zeros, 0, out, <usize>panel << 2, k, TILE_ROWS);
}
