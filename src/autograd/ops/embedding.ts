/** Looking up rows of a table by token id. */

import { formatShape, ShapeError, sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkIndices, indexSelect, reshape } from "./shaping.ts";

/**
 * The rows of a table [V, C] that i32 ids of any shape name → [...ids, C]. The gradient of a row is the sum over its uses.
 * @throws for an id outside 0 … V−1.
 */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  if (table.rank !== 2) throw new ShapeError(`embedding: the table must be [V, C], not ${formatShape(table.shape)}`);
  if (ids.dtype !== "i32") throw new Error(`embedding: ids ${formatShape(ids.shape)} must be i32, not ${ids.dtype}`);
  checkIndices("embedding", ids.indices, table.shape[0]);
  const rows = indexSelect(table, reshape(ids, [sizeOf(ids.shape)]));
  return reshape(rows, [...ids.shape, table.shape[1]]);
}
