/** Moving rectangles of f32 between strided places: the packing of matrix products, transposition, strided copies. */

import { loadSome, storePair, storeSome } from "./lanes";

/** out[i] = x[i] for `count` elements. */
export function copyRun(x: usize, out: usize, count: i32): void {
  for (; count >= 8; count -= 8) {
    storePair(out, v128.load(x), v128.load(x, 16));
    x += 32;
    out += 32;
  }
  for (; count > 0; count--) {
    store<f32>(out, load<f32>(x));
    x += 4;
    out += 4;
  }
}

/** x[rows, columns] → out[rows, columns], both in rows `xRow` and `outRow` bytes apart. */
export function copyBlock(x: usize, xRow: usize, out: usize, outRow: usize, rows: i32, columns: i32): void {
  if (columns == 16) {
    for (; rows > 0; rows--) {
      storePair(out, v128.load(x), v128.load(x, 16));
      storePair(out + 32, v128.load(x, 32), v128.load(x, 48));
      x += xRow;
      out += outRow;
    }
    return;
  }
  for (; rows > 0; rows--) {
    copyRun(x, out, columns);
    x += xRow;
    out += outRow;
  }
}

/** x[rows, columns] → out[columns, rows], both in rows `xRow` and `outRow` bytes apart: pairs of 4 × 4 squares in registers. */
export function transposeBlock(x: usize, xRow: usize, out: usize, outRow: usize, rows: i32, columns: i32): void {
  for (; rows >= 8; rows -= 8) {
    let from = x;
    let to = out;
    let left = columns;
    for (; left >= 4; left -= 4) {
      const x0 = v128.load(from);
      const x1 = v128.load(from + xRow);
      const x2 = v128.load(from + 2 * xRow);
      const x3 = v128.load(from + 3 * xRow);
      const x4 = v128.load(from + 4 * xRow);
      const x5 = v128.load(from + 5 * xRow);
      const x6 = v128.load(from + 6 * xRow);
      const x7 = v128.load(from + 7 * xRow);
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      const low45 = v128.shuffle<f32>(x4, x5, 0, 4, 1, 5);
      const high45 = v128.shuffle<f32>(x4, x5, 2, 6, 3, 7);
      const low67 = v128.shuffle<f32>(x6, x7, 0, 4, 1, 5);
      const high67 = v128.shuffle<f32>(x6, x7, 2, 6, 3, 7);
      storePair(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5), v128.shuffle<f32>(low45, low67, 0, 1, 4, 5));
      storePair(to + outRow, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), v128.shuffle<f32>(low45, low67, 2, 3, 6, 7));
      storePair(to + 2 * outRow, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), v128.shuffle<f32>(high45, high67, 0, 1, 4, 5));
      storePair(to + 3 * outRow, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), v128.shuffle<f32>(high45, high67, 2, 3, 6, 7));
      from += 16;
      to += 4 * outRow;
    }
    for (; left > 0; left--) {
      for (let r: usize = 0; r < 8; r++) store<f32>(to + (r << 2), load<f32>(from + r * xRow));
      from += 4;
      to += outRow;
    }
    x += 8 * xRow;
    out += 32;
  }
  for (; rows >= 4; rows -= 4) {
    let from = x;
    let to = out;
    let left = columns;
    for (; left >= 4; left -= 4) {
      const x0 = v128.load(from);
      const x1 = v128.load(from + xRow);
      const x2 = v128.load(from + 2 * xRow);
      const x3 = v128.load(from + 3 * xRow);
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(to + outRow, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
      v128.store(to + 2 * outRow, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
      v128.store(to + 3 * outRow, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
      from += 16;
      to += 4 * outRow;
    }
    for (; left > 0; left--) {
      store<f32>(to, load<f32>(from));
      store<f32>(to, load<f32>(from + xRow), 4);
      store<f32>(to, load<f32>(from + 2 * xRow), 8);
      store<f32>(to, load<f32>(from + 3 * xRow), 12);
      from += 4;
      to += outRow;
    }
    x += 4 * xRow;
    out += 16;
  }
  for (; rows > 0; rows--) {
    let from = x;
    let to = out;
    for (let left = columns; left > 0; left--) {
      store<f32>(to, load<f32>(from));
      from += 4;
      to += outRow;
    }
    x += xRow;
    out += 4;
  }
}

/** out[i] += x[i] for `count` elements. */
export function addRun(x: usize, out: usize, count: i32): void {
  for (; count >= 8; count -= 8) {
    const low = f32x4.add(v128.load(out), v128.load(x));
    const high = f32x4.add(v128.load(out, 16), v128.load(x, 16));
    storePair(out, low, high);
    x += 32;
    out += 32;
  }
  if (count >= 4) {
    v128.store(out, f32x4.add(v128.load(out), v128.load(x)));
    x += 16;
    out += 16;
    count -= 4;
  }
  if (count > 0) storeSome(out, f32x4.add(loadSome(out, count), loadSome(x, count)), count);
}
