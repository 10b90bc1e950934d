/**
 * Sums and maxima along an axis. Long sums are cut into chunks fixed by the shape: f32 within a chunk, f64 across, so
 * that neither rounding nor the number of threads shows.
 */

import { largestOfPair, loadSome, splat, storePair, storeSome, sumPair } from "./lanes";

/** Elements of a chunk; the reference's SUM_CHUNK. */
const CHUNK: i32 = 4096;
/** Rows of a chunk in sums over rows. */
const CHUNK_ROWS: i32 = 256;

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
    const first = chunk * CHUNK;
    const total = sumOfChunk(x + (<usize>first << 2), min(CHUNK, length - first), scratch);
    store<f64>(partials + (<usize>chunk << 3), <f64>total);
  }
}

/**
 * partials[chunks] (f64) = Σ x² in f64 over chunks of 4096 of `length` elements. Unit of work: a chunk.
 * Reference: `sumOfSquares`.
 */
export function squareChunks(x: usize, partials: usize, length: i32, begin: i32, end: i32): void {
  for (let chunk = begin; chunk < end; chunk++) {
    let i = chunk * CHUNK;
    const last = min(length, i + CHUNK);
    let sum0 = f64x2.splat(0);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    for (; i + 8 <= last; i += 8) {
      const low = v128.load(x + (<usize>i << 2));
      const high = v128.load(x + (<usize>i << 2), 16);
      const x0 = f64x2.promote_low_f32x4(low);
      const x1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(low, low, 2, 3, 2, 3));
      const x2 = f64x2.promote_low_f32x4(high);
      const x3 = f64x2.promote_low_f32x4(v128.shuffle<f32>(high, high, 2, 3, 2, 3));
      sum0 = f64x2.add(sum0, f64x2.mul(x0, x0));
      sum1 = f64x2.add(sum1, f64x2.mul(x1, x1));
      sum2 = f64x2.add(sum2, f64x2.mul(x2, x2));
      sum3 = f64x2.add(sum3, f64x2.mul(x3, x3));
    }
    const sums = f64x2.add(f64x2.add(sum0, sum1), f64x2.add(sum2, sum3));
    let total = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
    for (; i < last; i++) {
      const value = <f64>load<f32>(x + (<usize>i << 2));
      total += value * value;
    }
    store<f64>(partials + (<usize>chunk << 3), total);
  }
}

/** out[rows] = Σ x[rows, size]. Unit of work: a row. Reference: `sum` with inner = 1. */
export function sumRows(x: usize, out: usize, size: i32, begin: i32, end: i32, scratch: usize): void {
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>row * <usize>size) << 2);
    let total: f64 = 0;
    for (let i = 0; i < size; i += CHUNK) total += <f64>sumOfChunk(from + (<usize>i << 2), min(CHUNK, size - i), scratch);
    store<f32>(out + (<usize>row << 2), <f32>total);
  }
}

/** Σ over `size` rows of four neighbouring columns (or `count` < 4), `step` bytes between rows. */
@inline
function sumOfColumns(x: usize, size: i32, step: usize, count: i32): v128 {
  let total = splat(0);
  for (let k = 0; k < size; k += CHUNK_ROWS) {
    let chunk = splat(0);
    const last = min(size, k + CHUNK_ROWS);
    for (let i = k; i < last; i++) {
      chunk = f32x4.add(chunk, count < 4 ? loadSome(x, count) : v128.load(x));
      x += step;
    }
    total = f32x4.add(total, chunk);
  }
  return total;
}

/** out[outer, inner] = Σ over the middle axis of x[outer, size, inner]. Unit of work: an output. Reference: `sum`. */
export function sumColumns(x: usize, out: usize, size: i32, inner: i32, begin: i32, end: i32): void {
  const step = <usize>inner << 2;
  while (begin < end) {
    const outer = begin / inner;
    const column = begin % inner;
    let count = min(inner - column, end - begin);
    begin += count;
    let from = x + ((<usize>outer * <usize>size * <usize>inner + <usize>column) << 2);
    let to = out + ((<usize>outer * <usize>inner + <usize>column) << 2);
    for (; count >= 16; count -= 16) {
      let t0 = splat(0);
      let t1 = t0;
      let t2 = t0;
      let t3 = t0;
      let at = from;
      for (let k = 0; k < size; k += CHUNK_ROWS) {
        let c0 = splat(0);
        let c1 = c0;
        let c2 = c0;
        let c3 = c0;
        const last = min(size, k + CHUNK_ROWS);
        for (let i = k; i < last; i++) {
          c0 = f32x4.add(c0, v128.load(at));
          c1 = f32x4.add(c1, v128.load(at, 16));
          c2 = f32x4.add(c2, v128.load(at, 32));
          c3 = f32x4.add(c3, v128.load(at, 48));
          at += step;
        }
        t0 = f32x4.add(t0, c0);
        t1 = f32x4.add(t1, c1);
        t2 = f32x4.add(t2, c2);
        t3 = f32x4.add(t3, c3);
      }
      storePair(to, t0, t1);
      storePair(to + 32, t2, t3);
      from += 64;
      to += 64;
    }
    for (; count >= 4; count -= 4) {
      v128.store(to, sumOfColumns(from, size, step, 4));
      from += 16;
      to += 16;
    }
    if (count > 0) storeSome(to, sumOfColumns(from, size, step, count), count);
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
  let column = begin;
  for (; column + 8 <= end; column += 8) {
    const at = <usize>column << 2;
    let forWeight0 = splat(0);
    let forWeight1 = forWeight0;
    let forBias0 = forWeight0;
    let forBias1 = forWeight0;
    let offset = at;
    for (let k = 0; k < rows; k += CHUNK_ROWS) {
      let weight0 = splat(0);
      let weight1 = weight0;
      let bias0 = weight0;
      let bias1 = weight0;
      const last = min(rows, k + CHUNK_ROWS);
      for (let r = k; r < last; r++) {
        const center = v128.load32_splat(mean + (<usize>r << 2));
        const inverse = v128.load32_splat(rstd + (<usize>r << 2));
        const g0 = v128.load(gradient + offset);
        const g1 = v128.load(gradient + offset, 16);
        const n0 = f32x4.mul(f32x4.sub(v128.load(x + offset), center), inverse);
        const n1 = f32x4.mul(f32x4.sub(v128.load(x + offset, 16), center), inverse);
        weight0 = f32x4.add(weight0, f32x4.mul(g0, n0));
        weight1 = f32x4.add(weight1, f32x4.mul(g1, n1));
        bias0 = f32x4.add(bias0, g0);
        bias1 = f32x4.add(bias1, g1);
        offset += step;
      }
      forWeight0 = f32x4.add(forWeight0, weight0);
      forWeight1 = f32x4.add(forWeight1, weight1);
      forBias0 = f32x4.add(forBias0, bias0);
      forBias1 = f32x4.add(forBias1, bias1);
    }
    storePair(weightGradient + at, forWeight0, forWeight1);
    storePair(biasGradient + at, forBias0, forBias1);
  }
  for (; column < end; column++) {
    const at = <usize>column << 2;
    let forWeight: f32 = 0;
    let forBias: f32 = 0;
    let offset = at;
    for (let k = 0; k < rows; k += CHUNK_ROWS) {
      let weight: f32 = 0;
      let bias: f32 = 0;
      const last = min(rows, k + CHUNK_ROWS);
      for (let r = k; r < last; r++) {
        const g = load<f32>(gradient + offset);
        const n = (load<f32>(x + offset) - load<f32>(mean + (<usize>r << 2))) * load<f32>(rstd + (<usize>r << 2));
        weight += g * n;
        bias += g;
        offset += step;
      }
      forWeight += weight;
      forBias += bias;
    }
    store<f32>(weightGradient + at, forWeight);
    store<f32>(biasGradient + at, forBias);
  }
}
