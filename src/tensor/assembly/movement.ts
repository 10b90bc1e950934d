/** Copies between strided, indexed and contiguous places. */

import { addRun, copyRun, transposeBlock } from "./blocks";

/**
 * out[size0, size1, size2, size3] contiguous from a view of x with these strides (in elements).
 * Unit of work: one of the size0·size1 planes. Reference: `copyStrided`.
 */
export function copyStrided(
  x: usize,
  out: usize,
  size1: i32,
  size2: i32,
  size3: i32,
  stride0: i32,
  stride1: i32,
  stride2: i32,
  stride3: i32,
  begin: i32,
  end: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    const start = x + (<usize>((plane / size1) * stride0 + (plane % size1) * stride1) << 2);
    let to = out + ((<usize>plane * <usize>size2 * <usize>size3) << 2);
    if (stride2 == 1 && stride3 != 1 && size2 > 1) {
      transposeBlock(start, <usize>stride3 << 2, to, <usize>size3 << 2, size3, size2);
      continue;
    }
    for (let i = 0; i < size2; i++) {
      let from = start + (<usize>(i * stride2) << 2);
      if (stride3 == 1) {
        copyRun(from, to, size3);
        to += <usize>size3 << 2;
      } else {
        for (let j = 0; j < size3; j++) {
          store<f32>(to, load<f32>(from));
          from += <usize>stride3 << 2;
          to += 4;
        }
      }
    }
  }
}

/**
 * Adds contiguous x[size0, size1, size2, size3] into a view of out with these strides (in elements).
 * Unit of work: one of the size0·size1 planes. Reference: `addStrided`.
 */
export function addStrided(
  x: usize,
  out: usize,
  size1: i32,
  size2: i32,
  size3: i32,
  stride0: i32,
  stride1: i32,
  stride2: i32,
  stride3: i32,
  begin: i32,
  end: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    const start = out + (<usize>((plane / size1) * stride0 + (plane % size1) * stride1) << 2);
    let from = x + ((<usize>plane * <usize>size2 * <usize>size3) << 2);
    for (let i = 0; i < size2; i++) {
      let to = start + (<usize>(i * stride2) << 2);
      if (stride3 == 1) {
        addRun(from, to, size3);
        from += <usize>size3 << 2;
      } else {
        for (let j = 0; j < size3; j++) {
          store<f32>(to, load<f32>(to) + load<f32>(from));
          to += <usize>stride3 << 2;
          from += 4;
        }
      }
    }
  }
}

/**
 * out[outer, count, inner] = x[outer, indices[count], inner]. Unit of work: a row of out. Reference: `takeRows`.
 */
export function takeRows(
  x: usize,
  indices: usize,
  out: usize,
  size: i32,
  inner: i32,
  count: i32,
  begin: i32,
  end: i32,
): void {
  const row = <usize>inner << 2;
  for (let unit = begin; unit < end; unit++) {
    const index = load<i32>(indices + (<usize>(unit % count) << 2));
    copyRun(x + <usize>((unit / count) * size + index) * row, out + <usize>unit * row, inner);
  }
}

/**
 * out[outer, indices[count], inner] += x[outer, count, inner], in the order of the indices.
 * Unit of work: an element of the inner axis, for all rows. Reference: `addRows`.
 */
export function addRows(
  x: usize,
  indices: usize,
  out: usize,
  outer: i32,
  size: i32,
  inner: i32,
  count: i32,
  begin: i32,
  end: i32,
): void {
  const row = <usize>inner << 2;
  const offset = <usize>begin << 2;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < count; i++) {
      const index = load<i32>(indices + (<usize>i << 2));
      addRun(x + <usize>(o * count + i) * row + offset, out + <usize>(o * size + index) * row + offset, end - begin);
    }
  }
}
