/**
 * The innermost loop of every matrix product: six rows of A times one packed panel of B.
 *
 * Two widths of one pattern. 6 × 8 keeps its 12 sums in the 16 registers of a 128-bit engine. 6 × 16 has 24 sums, which
 * would spill there, but an engine that joins adjacent pairs of vectors into 256-bit ones again needs 12 registers.
 * Every element is one sum over k in ascending order, so both widths give the same bits.
 */

import { madd, storePair } from "./lanes";

/** Rows of a tile. */
export const TILE_ROWS: i32 = 6;

/**
 * out[6, panel] = init[6, panel] + A[6, k]·B[k, panel]; panel = 8 or 16.
 * A lies in rows `aRow` bytes apart, B is contiguous; `rows` < 6 reads the last row again in place of missing ones
 * (the output still has six rows). Reference: `matmul`.
 */
@inline
export function multiplyTile(
  panel: i32,
  a: usize,
  aRow: usize,
  b: usize,
  init: usize,
  initRow: usize,
  out: usize,
  outRow: usize,
  k: i32,
  rows: i32,
): void {
  if (panel == 16) multiplyWideTile(a, aRow, b, init, initRow, out, outRow, k, rows);
  else multiplyNarrowTile(a, aRow, b, init, initRow, out, outRow, k, rows);
}

function multiplyNarrowTile(
  a: usize,
  aRow: usize,
  b: usize,
  init: usize,
  initRow: usize,
  out: usize,
  outRow: usize,
  k: i32,
  rows: i32,
): void {
  let a0 = a;
  let a1 = rows > 1 ? a0 + aRow : a0;
  let a2 = rows > 2 ? a1 + aRow : a1;
  let a3 = rows > 3 ? a2 + aRow : a2;
  let a4 = rows > 4 ? a3 + aRow : a3;
  let a5 = rows > 5 ? a4 + aRow : a4;
  let c00 = v128.load(init);
  let c01 = v128.load(init, 16);
  init += initRow;
  let c10 = v128.load(init);
  let c11 = v128.load(init, 16);
  init += initRow;
  let c20 = v128.load(init);
  let c21 = v128.load(init, 16);
  init += initRow;
  let c30 = v128.load(init);
  let c31 = v128.load(init, 16);
  init += initRow;
  let c40 = v128.load(init);
  let c41 = v128.load(init, 16);
  init += initRow;
  let c50 = v128.load(init);
  let c51 = v128.load(init, 16);
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a0);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load32_splat(a1);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load32_splat(a2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load32_splat(a3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    x = v128.load32_splat(a4);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    x = v128.load32_splat(a5);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    b += 32;
  }
  storePair(out, c00, c01);
  out += outRow;
  storePair(out, c10, c11);
  out += outRow;
  storePair(out, c20, c21);
  out += outRow;
  storePair(out, c30, c31);
  out += outRow;
  storePair(out, c40, c41);
  out += outRow;
  storePair(out, c50, c51);
}

function multiplyWideTile(
  a: usize,
  aRow: usize,
  b: usize,
  init: usize,
  initRow: usize,
  out: usize,
  outRow: usize,
  k: i32,
  rows: i32,
): void {
  let a0 = a;
  let a1 = rows > 1 ? a0 + aRow : a0;
  let a2 = rows > 2 ? a1 + aRow : a1;
  let a3 = rows > 3 ? a2 + aRow : a2;
  let a4 = rows > 4 ? a3 + aRow : a3;
  let a5 = rows > 5 ? a4 + aRow : a4;
  let c00 = v128.load(init);
  let c01 = v128.load(init, 16);
  let c02 = v128.load(init, 32);
  let c03 = v128.load(init, 48);
  init += initRow;
  let c10 = v128.load(init);
  let c11 = v128.load(init, 16);
  let c12 = v128.load(init, 32);
  let c13 = v128.load(init, 48);
  init += initRow;
  let c20 = v128.load(init);
  let c21 = v128.load(init, 16);
  let c22 = v128.load(init, 32);
  let c23 = v128.load(init, 48);
  init += initRow;
  let c30 = v128.load(init);
  let c31 = v128.load(init, 16);
  let c32 = v128.load(init, 32);
  let c33 = v128.load(init, 48);
  init += initRow;
  let c40 = v128.load(init);
  let c41 = v128.load(init, 16);
  let c42 = v128.load(init, 32);
  let c43 = v128.load(init, 48);
  init += initRow;
  let c50 = v128.load(init);
  let c51 = v128.load(init, 16);
  let c52 = v128.load(init, 32);
  let c53 = v128.load(init, 48);
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    let x = v128.load32_splat(a0);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    c02 = madd(x, b2, c02);
    c03 = madd(x, b3, c03);
    x = v128.load32_splat(a1);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    c12 = madd(x, b2, c12);
    c13 = madd(x, b3, c13);
    x = v128.load32_splat(a2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    c22 = madd(x, b2, c22);
    c23 = madd(x, b3, c23);
    x = v128.load32_splat(a3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    c32 = madd(x, b2, c32);
    c33 = madd(x, b3, c33);
    x = v128.load32_splat(a4);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    c42 = madd(x, b2, c42);
    c43 = madd(x, b3, c43);
    x = v128.load32_splat(a5);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    c52 = madd(x, b2, c52);
    c53 = madd(x, b3, c53);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    b += 64;
  }
  storePair(out, c00, c01);
  storePair(out + 32, c02, c03);
  out += outRow;
  storePair(out, c10, c11);
  storePair(out + 32, c12, c13);
  out += outRow;
  storePair(out, c20, c21);
  storePair(out + 32, c22, c23);
  out += outRow;
  storePair(out, c30, c31);
  storePair(out + 32, c32, c33);
  out += outRow;
  storePair(out, c40, c41);
  storePair(out + 32, c42, c43);
  out += outRow;
  storePair(out, c50, c51);
  storePair(out + 32, c52, c53);
}
