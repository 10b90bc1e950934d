/**
 * Sums and maxima along an axis. Long sums are cut into chunks fixed by the shape, so that neither rounding nor the number
 * of threads shows: along a row f32 within a chunk and f64 across, down the rows f32 for both.
 */

import { largestOfPair, loadSome, madd, splat, storePair, storeSome, sumPair } from "./lanes";

/** Elements of a chunk of a sum; the reference's SUM_CHUNK. */
export const SUM_CHUNK: i32 = 4096;
/**
 * Rows that are added up in registers before their sum goes to the output: few, so that they are still in the cache when
 * the neighbouring columns are.
 */
const BLOCK_ROWS: i32 = 32;

@inline
function sumOfChunk(x: usize, count: i32, scratch: usize): f32 {
  let x0 = splat(0);
  let x1 = x0;
  let x2 = x0;
  let x3 = x0;
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const at = x + (<usize>i << 2);
    x0 = f32x4.add(x0, v128.load(at));
    x1 = f32x4.add(x1, v128.load(at, 16));
    x2 = f32x4.add(x2, v128.load(at, 32));
    x3 = f32x4.add(x3, v128.load(at, 48));
  }
  let total = sumPair(f32x4.add(x0, x2), f32x4.add(x1, x3), scratch);
  for (; i < count; i++) total += load<f32>(x + (<usize>i << 2));
  return total;
}

/** partials[chunks] (f64) = Σ x over chunks of 4096 of `length` elements. Unit of work: a chunk. Reference: `sum`. */
export function sumChunks(x: usize, partials: usize, length: i32, begin: i32, end: i32, scratch: usize): void {
  for (let chunk = begin; chunk < end; chunk++) {
    const first = chunk * SUM_CHUNK;
    const total = sumOfChunk(x + (<usize>first << 2), min(SUM_CHUNK, length - first), scratch);
    store<f64>(partials + (<usize>chunk << 3), <f64>total);
  }
}

/** out[rows] = Σ x[rows, size]. Unit of work: a row. Reference: `sum` with inner = 1. */
export function sumRows(x: usize, out: usize, size: i32, begin: i32, end: i32, scratch: usize): void {
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>row * <usize>size) << 2);
    let total: f64 = 0;
    for (let i = 0; i < size; i += SUM_CHUNK) total += <f64>sumOfChunk(from + (<usize>i << 2), min(SUM_CHUNK, size - i), scratch);
    store<f32>(out + (<usize>row << 2), <f32>total);
  }
}

/** out[outer, inner] = Σ over the middle axis of x[outer, size, inner]. Unit of work: an output. Reference: `sum`. */
export function sumColumns(x: usize, out: usize, size: i32, inner: i32, begin: i32, end: i32): void {
  const step = <usize>inner << 2;
  while (begin < end) {
    const outer = begin / inner;
    const column = begin % inner;
    const count = min(inner - column, end - begin);
    const from = x + ((<usize>outer * <usize>size * <usize>inner + <usize>column) << 2);
    const to = out + (<usize>begin << 2);
    begin += count;
    memory.fill(to, 0, <usize>count << 2);
    for (let row = 0; row < size; row += BLOCK_ROWS) {
      addColumns(from + <usize>row * step, step, to, min(BLOCK_ROWS, size - row), count);
    }
  }
}

/** out[columns] += Σ over the rows of x[rows, columns], which lie `step` bytes apart. */
@inline
function addColumns(x: usize, step: usize, out: usize, rows: i32, columns: i32): void {
  for (; columns >= 32; columns -= 32) {
    let a0 = splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    let at = x;
    for (let r = rows; r > 0; r--) {
      a0 = f32x4.add(a0, v128.load(at));
      a1 = f32x4.add(a1, v128.load(at, 16));
      b0 = f32x4.add(b0, v128.load(at, 32));
      b1 = f32x4.add(b1, v128.load(at, 48));
      c0 = f32x4.add(c0, v128.load(at, 64));
      c1 = f32x4.add(c1, v128.load(at, 80));
      d0 = f32x4.add(d0, v128.load(at, 96));
      d1 = f32x4.add(d1, v128.load(at, 112));
      at += step;
    }
    a0 = f32x4.add(a0, v128.load(out));
    a1 = f32x4.add(a1, v128.load(out, 16));
    b0 = f32x4.add(b0, v128.load(out, 32));
    b1 = f32x4.add(b1, v128.load(out, 48));
    c0 = f32x4.add(c0, v128.load(out, 64));
    c1 = f32x4.add(c1, v128.load(out, 80));
    d0 = f32x4.add(d0, v128.load(out, 96));
    d1 = f32x4.add(d1, v128.load(out, 112));
    storePair(out, a0, a1);
    storePair(out + 32, b0, b1);
    storePair(out + 64, c0, c1);
    storePair(out + 96, d0, d1);
    x += 128;
    out += 128;
  }
  for (; columns > 0; columns -= 4) {
    let sum = splat(0);
    let at = x;
    if (columns < 4) {
      for (let r = rows; r > 0; r--) {
        sum = f32x4.add(sum, loadSome(at, columns));
        at += step;
      }
      storeSome(out, f32x4.add(loadSome(out, columns), sum), columns);
      return;
    }
    for (let r = rows; r > 0; r--) {
      sum = f32x4.add(sum, v128.load(at));
      at += step;
    }
    v128.store(out, f32x4.add(v128.load(out), sum));
    x += 16;
    out += 16;
  }
}

/** out[rows] = largest of x[rows, size]. Unit of work: a row. Reference: `max` with inner = 1. */
export function maxRows(x: usize, out: usize, size: i32, begin: i32, end: i32, scratch: usize): void {
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>row * <usize>size) << 2);
    let low = splat(-Infinity);
    let high = low;
    let i = 0;
    for (; i + 8 <= size; i += 8) {
      const at = from + (<usize>i << 2);
      low = f32x4.max(low, v128.load(at));
      high = f32x4.max(high, v128.load(at, 16));
    }
    let largest = largestOfPair(low, high, scratch);
    for (; i < size; i++) largest = max(largest, load<f32>(from + (<usize>i << 2)));
    store<f32>(out + (<usize>row << 2), largest);
  }
}

/** out[outer, inner] = largest along the middle axis. Unit of work: an output. Reference: `max`. */
export function maxColumns(x: usize, out: usize, size: i32, inner: i32, begin: i32, end: i32): void {
  const step = <usize>inner << 2;
  while (begin < end) {
    const outer = begin / inner;
    const column = begin % inner;
    let count = min(inner - column, end - begin);
    begin += count;
    let from = x + ((<usize>outer * <usize>size * <usize>inner + <usize>column) << 2);
    let to = out + ((<usize>outer * <usize>inner + <usize>column) << 2);
    for (; count >= 8; count -= 8) {
      let low = splat(-Infinity);
      let high = low;
      let at = from;
      for (let k = 0; k < size; k++) {
        low = f32x4.max(low, v128.load(at));
        high = f32x4.max(high, v128.load(at, 16));
        at += step;
      }
      storePair(to, low, high);
      from += 32;
      to += 32;
    }
    for (; count > 0; count -= 4) {
      let largest = splat(-Infinity);
      let at = from;
      for (let k = 0; k < size; k++) {
        largest = f32x4.max(largest, count < 4 ? loadSome(at, count) : v128.load(at));
        at += step;
      }
      if (count < 4) storeSome(to, largest, count);
      else v128.store(to, largest);
      from += 16;
      to += 16;
    }
  }
}

/** out[outer, inner] (i32) = index of the first largest, or of the first NaN. Unit of work: an output. Reference: `argmax`. */
export function argmax(x: usize, out: usize, size: i32, inner: i32, begin: i32, end: i32): void {
  const step = <usize>inner << 2;
  for (let output = begin; output < end; output++) {
    let at = x + ((<usize>(output / inner) * <usize>size * <usize>inner + <usize>(output % inner)) << 2);
    let best = 0;
    let largest = load<f32>(at);
    // Ends at a NaN, which nothing is less than or equal to.
    for (let k = 1; k < size && largest == largest; k++) {
      at += step;
      const value = load<f32>(at);
      if (!(value <= largest)) {
        largest = value;
        best = k;
      }
    }
    store<i32>(out + (<usize>output << 2), best);
  }
}

/**
 * weightGradient[columns] = Σ_rows gradient⊙x̂ and biasGradient[columns] = Σ_rows gradient, x̂ = (x − mean)·rstd.
 * Unit of work: a column. Reference: `layerNormParametersBackward`.
 */
export function layerNormParametersBackward(
  x: usize,
  mean: usize,
  rstd: usize,
  gradient: usize,
  weightGradient: usize,
  biasGradient: usize,
  rows: i32,
  columns: i32,
  begin: i32,
  end: i32,
): void {
  const step = <usize>columns << 2;
  const first = <usize>begin << 2;
  const count = end - begin;
  memory.fill(weightGradient + first, 0, <usize>count << 2);
  memory.fill(biasGradient + first, 0, <usize>count << 2);
  for (let row = 0; row < rows; row += BLOCK_ROWS) {
    const offset = <usize>row * step + first;
    const own = <usize>row << 2;
    addParameterGradients(
      x + offset,
      mean + own,
      rstd + own,
      gradient + offset,
      weightGradient + first,
      biasGradient + first,
      step,
      min(BLOCK_ROWS, rows - row),
      count,
    );
  }
}

/** Adds what a block of rows, `step` bytes apart, gives to weightGradient[columns] and biasGradient[columns]. */
@inline
function addParameterGradients(
  x: usize,
  mean: usize,
  rstd: usize,
  gradient: usize,
  weightGradient: usize,
  biasGradient: usize,
  step: usize,
  rows: i32,
  columns: i32,
): void {
  const end = <usize>rows << 2;
  let column: usize = 0;
  for (; columns >= 16; columns -= 16) {
    let weightA0 = splat(0);
    let weightA1 = weightA0;
    let weightB0 = weightA0;
    let weightB1 = weightA0;
    let biasA0 = weightA0;
    let biasA1 = weightA0;
    let biasB0 = weightA0;
    let biasB1 = weightA0;
    let at = column;
    for (let row: usize = 0; row < end; row += 4) {
      const center = v128.load32_splat(mean + row);
      const inverse = v128.load32_splat(rstd + row);
      const gA0 = v128.load(gradient + at);
      const gA1 = v128.load(gradient + at, 16);
      const gB0 = v128.load(gradient + at, 32);
      const gB1 = v128.load(gradient + at, 48);
      weightA0 = madd(gA0, f32x4.mul(f32x4.sub(v128.load(x + at), center), inverse), weightA0);
      weightA1 = madd(gA1, f32x4.mul(f32x4.sub(v128.load(x + at, 16), center), inverse), weightA1);
      weightB0 = madd(gB0, f32x4.mul(f32x4.sub(v128.load(x + at, 32), center), inverse), weightB0);
      weightB1 = madd(gB1, f32x4.mul(f32x4.sub(v128.load(x + at, 48), center), inverse), weightB1);
      biasA0 = f32x4.add(biasA0, gA0);
      biasA1 = f32x4.add(biasA1, gA1);
      biasB0 = f32x4.add(biasB0, gB0);
      biasB1 = f32x4.add(biasB1, gB1);
      at += step;
    }
    const weight = weightGradient + column;
    const bias = biasGradient + column;
    weightA0 = f32x4.add(weightA0, v128.load(weight));
    weightA1 = f32x4.add(weightA1, v128.load(weight, 16));
    weightB0 = f32x4.add(weightB0, v128.load(weight, 32));
    weightB1 = f32x4.add(weightB1, v128.load(weight, 48));
    biasA0 = f32x4.add(biasA0, v128.load(bias));
    biasA1 = f32x4.add(biasA1, v128.load(bias, 16));
    biasB0 = f32x4.add(biasB0, v128.load(bias, 32));
    biasB1 = f32x4.add(biasB1, v128.load(bias, 48));
    storePair(weight, weightA0, weightA1);
    storePair(weight + 32, weightB0, weightB1);
    storePair(bias, biasA0, biasA1);
    storePair(bias + 32, biasB0, biasB1);
    column += 64;
  }
  for (; columns > 0; columns--) {
    let forWeight = load<f32>(weightGradient + column);
    let forBias = load<f32>(biasGradient + column);
    let at = column;
    for (let row: usize = 0; row < end; row += 4) {
      const g = load<f32>(gradient + at);
      forWeight += g * ((load<f32>(x + at) - load<f32>(mean + row)) * load<f32>(rstd + row));
      forBias += g;
      at += step;
    }
    store<f32>(weightGradient + column, forWeight);
    store<f32>(biasGradient + column, forBias);
    column += 4;
  }
}
