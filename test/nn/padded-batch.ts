/** Batches of sequences of several lengths, for the tests of the heads. */

import fc from "fast-check";
import type { EncodedBatch } from "../../src/nn/index.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** Sequences padded to the longest, or to more. */
export function paddedBatch(sequences: readonly (readonly number[])[], padded = 0): EncodedBatch {
  const rows = sequences.length;
  const tokens = Math.max(padded, ...sequences.map(({ length }) => length));
  const at = (value: (row: number, token: number) => number) =>
    sequences.flatMap((_, row) => Array.from({ length: tokens }, (_, token) => value(row, token)));
  const isInside = (row: number, token: number) => token < sequences[row].length;
  return {
    inputs: Tensor.from(
      at((row, token) => (isInside(row, token) ? sequences[row][token] : 0)),
      [rows, tokens],
      "i32",
    ),
    types: Tensor.from(
      at((_, token) => token % 2),
      [rows, tokens],
      "i32",
    ),
    mask: Tensor.from(
      at((row, token) => Number(isInside(row, token))),
      [rows, 1, 1, tokens],
    ),
  };
}

/** Up to three sequences of up to eight tokens of a vocabulary of 11. */
export const arbitrarySequences = fc.array(fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 3,
});
