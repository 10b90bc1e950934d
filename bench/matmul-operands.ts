/** Matrix products to be timed: their operands, in the engine's memory, and their layouts. */

import type { MatmulLayout } from "../src/tensor/kernels.ts";
import { memory } from "../src/tensor/memory.ts";

/** Whether A and B stand transposed in memory. */
const TRANSPOSITIONS = { NN: [false, false], NT: [false, true], TN: [true, false] } as const;
export type Transposition = keyof typeof TRANSPOSITIONS;
export const TRANSPOSITION_NAMES = Object.keys(TRANSPOSITIONS) as Transposition[];

export interface MatmulSize {
  rows: number;
  inner: number;
  columns: number;
}

/** A product that can be computed, with its number of operations. */
export interface MatmulOperands {
  a: Float32Array;
  b: Float32Array;
  out: Float32Array;
  layout: MatmulLayout;
  flops: number;
}

/** Numbers between −½ and ½ that do not repeat soon. */
export function newNumbers(length: number): Float32Array {
  const address = memory.allocate(length * 4);
  const view = new Float32Array(memory.buffer as ArrayBuffer, address, length);
  for (let i = 0; i < length; i++) view[i] = ((i * 7919) % 2003) / 2003 - 0.5;
  return view;
}

/** Runs `body` with the operands of a product, whose memory is given back afterwards. */
export function withMatmul(
  { rows, inner, columns }: MatmulSize,
  name: Transposition,
  body: (operands: MatmulOperands) => void,
): void {
  const [transposeA, transposeB] = TRANSPOSITIONS[name];
  const layout: MatmulLayout = {
    ...{ rows, columns, inner, transposeA, transposeB },
    ...{ aRow: transposeA ? rows : inner, bRow: transposeB ? inner : columns, outRow: columns },
    ...{ batches: [1, 1], aBatch: [0, 0], bBatch: [0, 0], outBatch: [0, 0] },
  };
  const [a, b, out] = [rows * inner, inner * columns, rows * columns].map(newNumbers);
  body({ a, b, out, layout, flops: 2 * rows * inner * columns });
  for (const { byteOffset, byteLength } of [a, b, out]) memory.release(byteOffset, byteLength);
}
