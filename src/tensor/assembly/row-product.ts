/**
 * Products of a single row with a matrix, as generation makes them for each token: every number of B is needed once, so that
 * packing it would take several times as long as the product. What counts is to read B from one end to the other.
 *
 * Each output is summed over k in the order of the packed product and from the same beginning: a row alone has the bits that
 * it has among others.
 */

import { copyRun } from "./blocks";
import { loadSome, madd, storePair, storeSome } from "./lanes";
import { finishBlock, keepsSums } from "./matmul";

/** Columns of a unit of work: a cache line of the output. */
const UNIT_COLUMNS: i32 = 16;

/**
 * sums[N] = A·B, with what is added and done afterwards as in {@link matmul}, for A [K] and B [K, N], or [N, K] with
 * `transposeB`, its rows `bRow` elements apart. Unit of work: 16 columns. Reference: `matmul`.
 */
export function multiplyRow(
  a: usize,
  b: usize,
  out: usize,
  bias: usize,
  residual: usize,
  epilogue: i32,
  inputs: usize,
  columns: i32,
  inner: i32,
  transposeB: i32,
  bRow: usize,
  accumulate: i32,
  begin: i32,
  end: i32,
): void {
  const first = begin * UNIT_COLUMNS;
  const count = min(columns, end * UNIT_COLUMNS) - first;
  const at = <usize>first << 2;
  const to = out + at;
  const sums = keepsSums(epilogue) ? inputs + at : to;
  if (accumulate) {
    if (sums != to) copyRun(to, sums, count);
  } else if (residual) copyRun(residual + at, sums, count);
  else if (bias) copyRun(bias + at, sums, count);
  else memory.fill(sums, 0, <usize>count << 2);
  const row = bRow << 2;
  if (transposeB) addDotProducts(a, b + <usize>first * row, row, sums, count, inner);
  else addScaledRows(a, b + at, row, sums, count, inner);
  const lateResidual = accumulate && residual ? residual + at : 0;
  const lateBias = (accumulate || residual) && bias ? bias + at : 0;
  if (lateResidual || lateBias || epilogue) finishBlock(sums, lateResidual, lateBias, epilogue, inputs + at, to, 0, 1, count);
}

/** sums[columns] += Σ a[k]·B[k]: eight rows of B in one pass, for which the sums are read and written once. */
export function addScaledRows(a: usize, b: usize, bRow: usize, sums: usize, columns: i32, inner: i32): void {
  for (; inner >= 8; inner -= 8) {
    const a0 = v128.load32_splat(a);
    const a1 = v128.load32_splat(a, 4);
    const a2 = v128.load32_splat(a, 8);
    const a3 = v128.load32_splat(a, 12);
    const a4 = v128.load32_splat(a, 16);
    const a5 = v128.load32_splat(a, 20);
    const a6 = v128.load32_splat(a, 24);
    const a7 = v128.load32_splat(a, 28);
    const b1 = b + bRow;
    const b2 = b1 + bRow;
    const b3 = b2 + bRow;
    const b4 = b3 + bRow;
    const b5 = b4 + bRow;
    const b6 = b5 + bRow;
    const b7 = b6 + bRow;
    let at: usize = 0;
    let left = columns;
    for (; left >= 8; left -= 8) {
      let low = madd(a0, v128.load(b + at), v128.load(sums + at));
      let high = madd(a0, v128.load(b + at, 16), v128.load(sums + at, 16));
      low = madd(a1, v128.load(b1 + at), low);
      high = madd(a1, v128.load(b1 + at, 16), high);
      low = madd(a2, v128.load(b2 + at), low);
      high = madd(a2, v128.load(b2 + at, 16), high);
      low = madd(a3, v128.load(b3 + at), low);
      high = madd(a3, v128.load(b3 + at, 16), high);
      low = madd(a4, v128.load(b4 + at), low);
      high = madd(a4, v128.load(b4 + at, 16), high);
      low = madd(a5, v128.load(b5 + at), low);
      high = madd(a5, v128.load(b5 + at, 16), high);
      low = madd(a6, v128.load(b6 + at), low);
      high = madd(a6, v128.load(b6 + at, 16), high);
      low = madd(a7, v128.load(b7 + at), low);
      high = madd(a7, v128.load(b7 + at, 16), high);
      storePair(sums + at, low, high);
      at += 32;
    }
    if (left > 0) for (let k: usize = 0; k < 8; k++) addScaledRow(v128.load32_splat(a + (k << 2)), b + k * bRow + at, sums + at, left);
    a += 32;
    b = b7 + bRow;
  }
  for (; inner > 0; inner--) {
    addScaledRow(v128.load32_splat(a), b, sums, columns);
    a += 4;
    b += bRow;
  }
}

/** sums[columns] += factor·x. */
function addScaledRow(factor: v128, x: usize, sums: usize, columns: i32): void {
  for (; columns >= 4; columns -= 4) {
    v128.store(sums, madd(factor, v128.load(x), v128.load(sums)));
    x += 16;
    sums += 16;
  }
  if (columns > 0) storeSome(sums, madd(factor, loadSome(x, columns), loadSome(sums, columns)), columns);
}

/**
 * sums[columns] += B·a for B [columns, inner]: eight rows of B side by side, turned in registers, so that each lane sums one
 * of them.
 */
export function addDotProducts(a: usize, b: usize, bRow: usize, sums: usize, columns: i32, inner: i32): void {
  for (; columns >= 8; columns -= 8) {
    const b1 = b + bRow;
    const b2 = b1 + bRow;
    const b3 = b2 + bRow;
    const b4 = b3 + bRow;
    const b5 = b4 + bRow;
    const b6 = b5 + bRow;
    const b7 = b6 + bRow;
    let low = v128.load(sums);
    let high = v128.load(sums, 16);
    let at: usize = 0;
    let left = inner;
    for (; left >= 4; left -= 4) {
      const x0 = v128.load(b + at);
      const x1 = v128.load(b1 + at);
      const x2 = v128.load(b2 + at);
      const x3 = v128.load(b3 + at);
      const x4 = v128.load(b4 + at);
      const x5 = v128.load(b5 + at);
      const x6 = v128.load(b6 + at);
      const x7 = v128.load(b7 + at);
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      const low45 = v128.shuffle<f32>(x4, x5, 0, 4, 1, 5);
      const high45 = v128.shuffle<f32>(x4, x5, 2, 6, 3, 7);
      const low67 = v128.shuffle<f32>(x6, x7, 0, 4, 1, 5);
      const high67 = v128.shuffle<f32>(x6, x7, 2, 6, 3, 7);
      const from = a + at;
      const a0 = v128.load32_splat(from);
      const a1 = v128.load32_splat(from, 4);
      const a2 = v128.load32_splat(from, 8);
      const a3 = v128.load32_splat(from, 12);
      low = madd(a0, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5), low);
      high = madd(a0, v128.shuffle<f32>(low45, low67, 0, 1, 4, 5), high);
      low = madd(a1, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), low);
      high = madd(a1, v128.shuffle<f32>(low45, low67, 2, 3, 6, 7), high);
      low = madd(a2, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), low);
      high = madd(a2, v128.shuffle<f32>(high45, high67, 0, 1, 4, 5), high);
      low = madd(a3, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), low);
      high = madd(a3, v128.shuffle<f32>(high45, high67, 2, 3, 6, 7), high);
      at += 16;
    }
    for (; left > 0; left--) {
      const factor = v128.load32_splat(a + at);
      low = madd(factor, columnOf(b + at, bRow), low);
      high = madd(factor, columnOf(b4 + at, bRow), high);
      at += 4;
    }
    storePair(sums, low, high);
    sums += 32;
    b = b7 + bRow;
  }
  for (; columns > 0; columns--) {
    let sum = v128.load32_zero(sums);
    for (let at: usize = 0; at < <usize>inner << 2; at += 4) sum = madd(v128.load32_zero(a + at), v128.load32_zero(b + at), sum);
    v128.store_lane<f32>(sums, sum, 0);
    sums += 4;
    b += bRow;
  }
}

/** Four numbers below one another. */
@inline
function columnOf(x: usize, row: usize): v128 {
  let column = v128.load32_zero(x);
  column = v128.load_lane<f32>(x + row, column, 1);
  column = v128.load_lane<f32>(x + 2 * row, column, 2);
  return v128.load_lane<f32>(x + 3 * row, column, 3);
}
