/** The register tile by itself, for measuring what the matrix products could reach at most. */

import { multiplyTile, PACKED_STEP } from "./micro-kernel";

/** out[6, panel] = A·B, `times` times over, for packed A[k, 6] and B[k, panel] that stay in the first-level cache. */
export function multiplyTileRepeatedly(panel: i32, a: usize, b: usize, zeros: usize, out: usize, k: i32, times: i32): void {
  for (; times > 0; times--) multiplyTile(panel, a, PACKED_STEP, b, zeros, 0, out, <usize>panel << 2, k);
}
