/**
 * Matrix product in plain TypeScript, as fast as scalar code goes: three ideas, each worth a factor.
 *
 * 1. *Register tile.* A 4 × 4 tile of the output is summed in 16 local variables, so that the 8 numbers read for a step
 *    of k serve 16 multiplications; a dot product reads 2 for every one.
 * 2. *Packing.* Blocks of A and B are first copied in exactly the order in which the tile reads them. That hides
 *    transposition and strides, fills up what is missing at the edges with zeros, and makes every read the next one.
 * 3. *Blocking.* The blocks are small enough to stay in a cache while they are used again and again.
 *
 * The copies are f64: JavaScript computes in double precision, and would convert an f32 at every use otherwise.
 */

import type { Kernels, MatmulLayout } from "./kernels.ts";
import { finishProduct } from "./matmul-epilogue.ts";

const TILE = 4;
/** Rows of a block of A, which are also the unit of work of a thread. */
const BLOCK_ROWS = 128;
/** Depth of a block: four columns of it take 8 KiB. */
const BLOCK_INNER = 256;
const BLOCK_COLUMNS = 256;

/** A product cheaper than this, in multiplications, gains nothing from packing. */
const SMALL_PRODUCT = 512;
/** Estimated time of one multiplication and addition. */
const NANOSECONDS_PER_MULTIPLICATION = 0.4;

const packedA = new Float64Array(BLOCK_ROWS * BLOCK_INNER);
const packedB = new Float64Array(BLOCK_INNER * BLOCK_COLUMNS);

/** What the blocked kernels need of the thread pool. */
export interface Threads {
  indexOf(name: string): number;
  run(index: number, given: readonly number[], units: number, grain: number, nanoseconds: number): void;
}

/**
 * The blocked kernels over `fallback`: matmul of f32 operands inside the engine's memory.
 * @param addressOf the address of an operand, −1 when it is not f32 in that memory.
 */
export function createBlockedKernels(
  fallback: Kernels,
  pool: Threads,
  addressOf: (view: ArrayBufferView) => number,
  name: string,
): Kernels {
  const index = pool.indexOf(name);
  return {
    ...fallback,
    matmul(a, b, out, layout) {
      const { rows, columns, inner, batches, bias } = layout;
      const multiplications = rows * columns * inner * batches[0] * batches[1];
      const addresses = [addressOf(a), addressOf(b), addressOf(out), bias === undefined ? 0 : addressOf(bias)];
      if (multiplications < SMALL_PRODUCT || addresses.includes(-1)) {
        fallback.matmul(a, b, out, layout);
        return;
      }
      const units = batches[0] * batches[1] * Math.ceil(rows / BLOCK_ROWS);
      pool.run(index, toNumbers(addresses, layout), units, 1, multiplications * NANOSECONDS_PER_MULTIPLICATION);
      finishProduct(fallback, out, layout);
    },
  };
}

function toNumbers(addresses: readonly number[], layout: MatmulLayout): number[] {
  const { rows, columns, inner, transposeA, transposeB, aRow, bRow, outRow, batches, accumulate } = layout;
  return [
    ...addresses.map((address) => address / 4),
    ...[rows, columns, inner, Number(transposeA), Number(transposeB), aRow, bRow, outRow, batches[1]],
    ...[...layout.aBatch, ...layout.bBatch, ...layout.outBatch, Number(accumulate ?? false)],
  ];
}

/**
 * The work of one thread, on the whole memory as numbers `x`: `values` are the positions of a, b, out and bias (0: none),
 * the layout's sizes and strides, and the range of units. A unit is a block of rows of one matrix of the batch.
 */
export function multiplyBlocks(x: Float32Array, values: readonly number[]): void {
  const [a, b, out, bias, rows, columns, inner, transposeA, transposeB, aRow, bRow, outRow, batches1, ...rest] = values;
  const [aBatch0, aBatch1, bBatch0, bBatch1, outBatch0, outBatch1, accumulate, begin, end] = rest;
  // A transposed operand is the same block walked with its two steps exchanged.
  const [aDown, aAlong] = transposeA ? [1, aRow] : [aRow, 1];
  const [bDown, bAlong] = transposeB ? [1, bRow] : [bRow, 1];
  const blocks = Math.ceil(rows / BLOCK_ROWS);
  for (let unit = begin; unit < end; unit++) {
    const batch = Math.floor(unit / blocks);
    const batch0 = Math.floor(batch / batches1);
    const batch1 = batch % batches1;
    const m = (unit % blocks) * BLOCK_ROWS;
    const height = Math.min(BLOCK_ROWS, rows - m);
    const fromA = a + batch0 * aBatch0 + batch1 * aBatch1 + m * aDown;
    const fromB = b + batch0 * bBatch0 + batch1 * bBatch1;
    const to = out + batch0 * outBatch0 + batch1 * outBatch1 + m * outRow;
    for (let k = 0; k < inner; k += BLOCK_INNER) {
      const depth = Math.min(BLOCK_INNER, inner - k);
      pack(x, fromA + k * aAlong, aDown, aAlong, packedA, height, depth);
      for (let n = 0; n < columns; n += BLOCK_COLUMNS) {
        const width = Math.min(BLOCK_COLUMNS, columns - n);
        pack(x, fromB + k * bDown + n * bAlong, bAlong, bDown, packedB, width, depth);
        const start = k > 0 || accumulate ? SumStart.out : bias > 0 ? SumStart.bias : SumStart.zero;
        multiplyPacked(x, to + n, outRow, bias + n, start, height, width, depth);
        // A bias beside what is there already is one more addition, once.
        if (k === 0 && accumulate && bias > 0) addBias(x, to + n, outRow, bias + n, height, width);
      }
    }
  }
}

/** Where the sums of a tile begin. */
const SumStart = { zero: 0, out: 1, bias: 2 } as const;

/**
 * Lines of `depth` numbers → groups of four lines, in which the four numbers of a step of k are neighbours;
 * missing lines of the last group are zeros.
 */
function pack(
  x: Float32Array,
  from: number,
  lineStep: number,
  depthStep: number,
  packed: Float64Array,
  lines: number,
  depth: number,
): void {
  let at = 0;
  for (let line = 0; line < lines; line += TILE) {
    const count = Math.min(TILE, lines - line);
    let position = from + line * lineStep;
    for (let k = 0; k < depth; k++) {
      packed[at] = x[position];
      packed[at + 1] = count > 1 ? x[position + lineStep] : 0;
      packed[at + 2] = count > 2 ? x[position + 2 * lineStep] : 0;
      packed[at + 3] = count > 3 ? x[position + 3 * lineStep] : 0;
      at += TILE;
      position += depthStep;
    }
  }
}

/** The block of the output that the packed blocks make. */
function multiplyPacked(
  x: Float32Array,
  out: number,
  outRow: number,
  bias: number,
  start: number,
  rows: number,
  columns: number,
  depth: number,
): void {
  for (let n = 0; n < columns; n += TILE) {
    for (let m = 0; m < rows; m += TILE) {
      multiplyTile(m * depth, n * depth, depth);
      const height = Math.min(TILE, rows - m);
      const width = Math.min(TILE, columns - n);
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < width; c++) {
          const to = out + (m + r) * outRow + n + c;
          const first = start === SumStart.out ? x[to] : start === SumStart.bias ? x[bias + n + c] : 0;
          x[to] = first + tile[r * TILE + c];
        }
      }
    }
  }
}

const tile = new Float64Array(TILE * TILE);

/** tile[4, 4] = four packed lines of A · four packed lines of B. */
function multiplyTile(fromA: number, fromB: number, depth: number): void {
  let c00 = 0;
  let c01 = 0;
  let c02 = 0;
  let c03 = 0;
  let c10 = 0;
  let c11 = 0;
  let c12 = 0;
  let c13 = 0;
  let c20 = 0;
  let c21 = 0;
  let c22 = 0;
  let c23 = 0;
  let c30 = 0;
  let c31 = 0;
  let c32 = 0;
  let c33 = 0;
  const last = fromA + depth * TILE;
  for (let i = fromA, j = fromB; i < last; i += TILE, j += TILE) {
    const b0 = packedB[j];
    const b1 = packedB[j + 1];
    const b2 = packedB[j + 2];
    const b3 = packedB[j + 3];
    let a = packedA[i];
    c00 += a * b0;
    c01 += a * b1;
    c02 += a * b2;
    c03 += a * b3;
    a = packedA[i + 1];
    c10 += a * b0;
    c11 += a * b1;
    c12 += a * b2;
    c13 += a * b3;
    a = packedA[i + 2];
    c20 += a * b0;
    c21 += a * b1;
    c22 += a * b2;
    c23 += a * b3;
    a = packedA[i + 3];
    c30 += a * b0;
    c31 += a * b1;
    c32 += a * b2;
    c33 += a * b3;
  }
  tile[0] = c00;
  tile[1] = c01;
  tile[2] = c02;
  tile[3] = c03;
  tile[4] = c10;
  tile[5] = c11;
  tile[6] = c12;
  tile[7] = c13;
  tile[8] = c20;
  tile[9] = c21;
  tile[10] = c22;
  tile[11] = c23;
  tile[12] = c30;
  tile[13] = c31;
  tile[14] = c32;
  tile[15] = c33;
}

function addBias(x: Float32Array, out: number, outRow: number, bias: number, rows: number, columns: number): void {
  for (let m = 0; m < rows; m++) for (let n = 0; n < columns; n++) x[out + m * outRow + n] += x[bias + n];
}
