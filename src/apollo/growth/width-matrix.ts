/** Growing wider by matrices, B [new units, old units]: old units stay as they are, new ones are mixtures of them. */

import { concat, matmul, reshape } from "../../autograd/index.ts";
import { type Initializer, type Parameter, Tensor } from "../../tensor/tensor.ts";
import type { Axis } from "./parameter-axes.ts";

/** B = [I; B̂]; null where the width stays. */
export function widthMatrix(extra: Parameter | undefined): Tensor | null {
  return extra === undefined ? null : concat([identityOf(extra.shape[1]), extra]);
}

/** Multiplies every axis that grows by its matrix. */
export function widened(x: Tensor, axes: readonly (Axis | null)[], matrixOf: (axis: Axis) => Tensor | null): Tensor {
  return axes.reduce((grown, axis, dimension) => {
    const matrix = axis === null ? null : matrixOf(axis);
    if (matrix === null) return grown;
    if (grown.rank === 1) return reshape(matmul(matrix, reshape(grown, [grown.size, 1])), [matrix.shape[0]]);
    return dimension === 0 ? matmul(matrix, grown) : matmul(grown, matrix, { transposeB: true });
  }, x);
}

/** Random rows of sum 1: every new unit begins as a mean of old ones. */
export const convexRows =
  (columns: number): Initializer =>
  (values, random) => {
    for (let index = 0; index < values.length; index++) values[index] = random.uniform();
    normaliseRows(values, columns);
  };

/** Divides each row by its sum. */
export function normaliseRows(values: { [index: number]: number; length: number }, columns: number): void {
  for (let start = 0; start < values.length; start += columns) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += values[start + column];
    for (let column = 0; column < columns; column++) values[start + column] /= sum;
  }
}

function identityOf(size: number): Tensor {
  const values = new Float32Array(size * size);
  for (let index = 0; index < size; index++) values[index * (size + 1)] = 1;
  return Tensor.from(values, [size, size]);
}
