/** How a matrix product is cut into rectangles for the threads. */

import type { MatmulLayout } from "./kernels.ts";

/** Rows of a register tile: products of whole tiles leave none cut off. */
export const TILE_ROWS = 6;
/**
 * Time to pack an element against a multiplication. Whole steps at d=64 L=4 and d=128 L=6 take as long with 0 and with 32,
 * within the noise of 24 rounds by turns (4 %): it decides between cuts that hardly differ.
 */
const PACKING_COST = 8;

/**
 * Row and column parts of each matrix of the batch, at least `wanted` rectangles in all where there are so many tiles.
 *
 * Rectangles in one row of the grid each pack the same rows of A, those in one column each the same columns of B: the cut
 * that repeats least, with rectangles of nearly equal size, is best. The result does not depend on it.
 */
export function divideMatmul(
  { rows, columns, batches }: Pick<MatmulLayout, "rows" | "columns" | "batches">,
  panel: number,
  wanted: number,
): [rowParts: number, columnParts: number] {
  const parts = Math.ceil(wanted / (batches[0] * batches[1]));
  if (parts <= 1) return [1, 1];
  const rowTiles = Math.ceil(rows / TILE_ROWS);
  const columnTiles = Math.ceil(columns / panel);
  const least = Math.min(parts, rowTiles * columnTiles);
  let best: [number, number] = [1, 1];
  let bestCost = Number.POSITIVE_INFINITY;
  for (let rowParts = 1; rowParts <= Math.min(parts, rowTiles); rowParts++) {
    const columnParts = Math.min(columnTiles, Math.ceil(parts / rowParts));
    if (rowParts * columnParts < least) continue;
    const height = Math.ceil(rowTiles / rowParts) * TILE_ROWS;
    const width = Math.ceil(columnTiles / columnParts) * panel;
    const packing = PACKING_COST * (height + width);
    // Rectangles come in rounds, one per thread: what counts is how much all would take if each were the largest.
    const cost = rowParts * columnParts * (height * width + packing);
    if (cost < bestCost) {
      bestCost = cost;
      best = [rowParts, columnParts];
    }
  }
  return best;
}
