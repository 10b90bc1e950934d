/** Kernels that work on whole rows of a [rows, columns] matrix: softmax, LayerNorm, cross-entropy. Unit of work: a row. */

import { add } from "./elementwise";
import { exponential, largestOfPair, loadSome, logarithm, madd, NEGLIGIBLE, splat, storePair, storeSome, sumLanes, sumPair } from "./lanes";

/** Largest of `count` ≥ 1 elements, NaN left out: `pmax` is one instruction, and in the exponentials NaN shows again. */
@inline
function largestOf(x: usize, count: i32, scratch: usize): f32 {
  let low = splat(-Infinity);
  let high = low;
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const at = x + (<usize>i << 2);
    low = f32x4.pmax(low, v128.load(at));
    high = f32x4.pmax(high, v128.load(at, 16));
  }
  let largest = largestOfPair(low, high, scratch);
  for (; i < count; i++) {
    const value = load<f32>(x + (<usize>i << 2));
    if (value > largest) largest = value;
  }
  return largest;
}

/** e^(x[i] − shift) of the 4 (or `count` < 4) elements at an address; missing lanes are 0. */
@inline
function shiftedExponentials(x: usize, shift: v128, count: i32): v128 {
  // −∞ in the missing lanes becomes 0.
  if (count < 4) return exponential(f32x4.sub(withMissing(loadSome(x, count), count), shift), NEGLIGIBLE);
  return exponential(f32x4.sub(v128.load(x), shift), NEGLIGIBLE);
}

@inline
function withMissing(x: v128, count: i32): v128 {
  return v128.bitselect(x, splat(-Infinity), i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count)));
}

/** Σ e^(x[i] − shift). */
@inline
function exponentialSum(x: usize, shift: f32, count: i32, scratch: usize): f32 {
  const shifts = splat(shift);
  let low = splat(0);
  let high = low;
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const at = x + (<usize>i << 2);
    low = f32x4.add(low, exponential(f32x4.sub(v128.load(at), shifts), NEGLIGIBLE));
    high = f32x4.add(high, exponential(f32x4.sub(v128.load(at, 16), shifts), NEGLIGIBLE));
  }
  let rest = splat(0);
  for (; i < count; i += 4) rest = f32x4.add(rest, shiftedExponentials(x + (<usize>i << 2), shifts, count - i));
  return sumPair(low, high, scratch) + sumLanes(rest);
}

/** Σ x[i]. Two pairs of sums, so that an addition need not wait for the one before. */
@inline
function sumOf(x: usize, count: i32, scratch: usize): f32 {
  let a0 = splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const at = x + (<usize>i << 2);
    a0 = f32x4.add(a0, v128.load(at));
    a1 = f32x4.add(a1, v128.load(at, 16));
    b0 = f32x4.add(b0, v128.load(at, 32));
    b1 = f32x4.add(b1, v128.load(at, 48));
  }
  let total = sumPair(f32x4.add(a0, b0), f32x4.add(a1, b1), scratch);
  for (; i < count; i++) total += load<f32>(x + (<usize>i << 2));
  return total;
}

/** Σ (x[i] − center)². */
@inline
function squaresAround(center: f32, x: usize, count: i32, scratch: usize): f32 {
  const centers = splat(center);
  let a0 = splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const at = x + (<usize>i << 2);
    const d0 = f32x4.sub(v128.load(at), centers);
    const d1 = f32x4.sub(v128.load(at, 16), centers);
    const e0 = f32x4.sub(v128.load(at, 32), centers);
    const e1 = f32x4.sub(v128.load(at, 48), centers);
    a0 = madd(d0, d0, a0);
    a1 = madd(d1, d1, a1);
    b0 = madd(e0, e0, b0);
    b1 = madd(e1, e1, b1);
  }
  let total = sumPair(f32x4.add(a0, b0), f32x4.add(a1, b1), scratch);
  for (; i < count; i++) {
    const d = load<f32>(x + (<usize>i << 2)) - center;
    total += d * d;
  }
  return total;
}

/** ln of one positive number. */
@inline
export function logarithmOf(x: f32): f32 {
  return f32x4.extract_lane(logarithm(splat(x)), 0);
}

/** out[rows, columns]: every row e^(x − largest)/Σ. Reference: `softmax`. */
export function softmax(x: usize, out: usize, columns: i32, begin: i32, end: i32, scratch: usize): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * <usize>columns) << 2;
    softmaxRow(x + offset, out + offset, columns, scratch);
  }
}

@inline
function softmaxRow(x: usize, out: usize, columns: i32, scratch: usize): void {
  const shift = largestOf(x, columns, scratch);
  const shifts = splat(shift);
  let low = splat(0);
  let high = low;
  let i = 0;
  for (; i + 8 <= columns; i += 8) {
    const at = <usize>i << 2;
    const y0 = exponential(f32x4.sub(v128.load(x + at), shifts), NEGLIGIBLE);
    const y1 = exponential(f32x4.sub(v128.load(x + at, 16), shifts), NEGLIGIBLE);
    storePair(out + at, y0, y1);
    low = f32x4.add(low, y0);
    high = f32x4.add(high, y1);
  }
  let rest = splat(0);
  for (; i < columns; i += 4) {
    const at = <usize>i << 2;
    const y = shiftedExponentials(x + at, shifts, columns - i);
    if (columns - i >= 4) v128.store(out + at, y);
    else storeSome(out + at, y, columns - i);
    rest = f32x4.add(rest, y);
  }
  const factor: f32 = <f32>1 / (sumPair(low, high, scratch) + sumLanes(rest));
  const factors = splat(factor);
  for (i = 0; i + 8 <= columns; i += 8) {
    const at = out + (<usize>i << 2);
    const y0 = f32x4.mul(v128.load(at), factors);
    const y1 = f32x4.mul(v128.load(at, 16), factors);
    storePair(at, y0, y1);
  }
  for (; i < columns; i++) store<f32>(out + (<usize>i << 2), load<f32>(out + (<usize>i << 2)) * factor);
}

/** Σ a[i]·b[i]. */
@inline
export function dotOf(a: usize, b: usize, count: i32, scratch: usize): f32 {
  let low = splat(0);
  let high = low;
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const at = <usize>i << 2;
    low = madd(v128.load(a + at), v128.load(b + at), low);
    high = madd(v128.load(a + at, 16), v128.load(b + at, 16), high);
  }
  let total = sumPair(low, high, scratch);
  for (; i < count; i++) total += load<f32>(a + (<usize>i << 2)) * load<f32>(b + (<usize>i << 2));
  return total;
}

/** out[rows, columns] = y ⊙ (gradient − Σ gradient⊙y). Reference: `softmaxBackward`. */
export function softmaxBackward(y: usize, gradient: usize, out: usize, columns: i32, begin: i32, end: i32, scratch: usize): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * <usize>columns) << 2;
    const dot = dotOf(y + offset, gradient + offset, columns, scratch);
    const dots = splat(dot);
    let i = 0;
    for (; i + 8 <= columns; i += 8) {
      const at = offset + (<usize>i << 2);
      const y0 = f32x4.mul(v128.load(y + at), f32x4.sub(v128.load(gradient + at), dots));
      const y1 = f32x4.mul(v128.load(y + at, 16), f32x4.sub(v128.load(gradient + at, 16), dots));
      storePair(out + at, y0, y1);
    }
    for (; i < columns; i++) {
      const at = offset + (<usize>i << 2);
      store<f32>(out + at, load<f32>(y + at) * (load<f32>(gradient + at) - dot));
    }
  }
}

/** out[rows, columns] = x − log Σ e^x. Reference: `logSoftmax`. */
export function logSoftmax(x: usize, out: usize, columns: i32, begin: i32, end: i32, scratch: usize): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * <usize>columns) << 2;
    const largest = largestOf(x + offset, columns, scratch);
    // Subtracted one after the other: their sum would lose the small one's digits.
    const rest = logarithmOf(exponentialSum(x + offset, largest, columns, scratch));
    let i = 0;
    for (; i + 8 <= columns; i += 8) {
      const at = offset + (<usize>i << 2);
      const y0 = f32x4.sub(f32x4.sub(v128.load(x + at), splat(largest)), splat(rest));
      const y1 = f32x4.sub(f32x4.sub(v128.load(x + at, 16), splat(largest)), splat(rest));
      storePair(out + at, y0, y1);
    }
    for (; i < columns; i++) store<f32>(out + offset + (<usize>i << 2), load<f32>(x + offset + (<usize>i << 2)) - largest - rest);
  }
}

/** out[i] = (x[i] − mean)·rstd·weight[i] + bias[i] for one row; writes its mean and rstd = 1/√(variance + ε) too. */
@inline
function normaliseRow(
  x: usize,
  weight: usize,
  bias: usize,
  out: usize,
  mean: usize,
  rstd: usize,
  columns: i32,
  epsilon: f32,
  scratch: usize,
): void {
  const width: f32 = <f32>columns;
  const center = sumOf(x, columns, scratch) / width;
  const inverse = <f32>1 / sqrt<f32>(squaresAround(center, x, columns, scratch) / width + epsilon);
  const centers = splat(center);
  const inverses = splat(inverse);
  let i = 0;
  for (; i + 8 <= columns; i += 8) {
    const at = <usize>i << 2;
    const n0 = f32x4.mul(f32x4.sub(v128.load(x + at), centers), inverses);
    const n1 = f32x4.mul(f32x4.sub(v128.load(x + at, 16), centers), inverses);
    const y0 = madd(n0, v128.load(weight + at), v128.load(bias + at));
    const y1 = madd(n1, v128.load(weight + at, 16), v128.load(bias + at, 16));
    storePair(out + at, y0, y1);
  }
  for (; i < columns; i++) {
    const at = <usize>i << 2;
    store<f32>(out + at, (load<f32>(x + at) - center) * inverse * load<f32>(weight + at) + load<f32>(bias + at));
  }
  store<f32>(mean, center);
  store<f32>(rstd, inverse);
}

/**
 * out[rows, columns] = (x − mean)·rstd·weight[columns] + bias[columns]; mean[rows], rstd[rows] = 1/√(variance + ε).
 * Reference: `layerNorm`.
 */
export function layerNorm(
  x: usize,
  weight: usize,
  bias: usize,
  out: usize,
  mean: usize,
  rstd: usize,
  columns: i32,
  epsilon: f32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * <usize>columns) << 2;
    const own = <usize>row << 2;
    normaliseRow(x + offset, weight, bias, out + offset, mean + own, rstd + own, columns, epsilon, scratch);
  }
}

/**
 * sum[rows, columns] = x + change, and {@link layerNorm} of that. Reference: `residualLayerNorm`.
 */
export function residualLayerNorm(
  x: usize,
  change: usize,
  weight: usize,
  bias: usize,
  sum: usize,
  out: usize,
  mean: usize,
  rstd: usize,
  columns: i32,
  epsilon: f32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * <usize>columns) << 2;
    const own = <usize>row << 2;
    add(x + offset, change + offset, sum + offset, columns, 0, 1, 0, 1, 0, columns);
    normaliseRow(sum + offset, weight, bias, out + offset, mean + own, rstd + own, columns, epsilon, scratch);
  }
}

/**
 * out[rows, columns] = rstd·(ĝ − mean(ĝ) − x̂·mean(ĝ⊙x̂)) with ĝ = gradient⊙weight, x̂ = (x − mean)·rstd.
 * Reference: `layerNormBackward`.
 */
export function layerNormBackward(
  x: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  gradient: usize,
  out: usize,
  columns: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const width: f32 = <f32>columns;
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * <usize>columns) << 2;
    const from = x + offset;
    const by = gradient + offset;
    const to = out + offset;
    const center = load<f32>(mean + (<usize>row << 2));
    const inverse = load<f32>(rstd + (<usize>row << 2));
    const centers = splat(center);
    let sum0 = splat(0);
    let sum1 = sum0;
    let dot0 = sum0;
    let dot1 = sum0;
    let i = 0;
    for (; i + 8 <= columns; i += 8) {
      const at = <usize>i << 2;
      const g0 = f32x4.mul(v128.load(by + at), v128.load(weight + at));
      const g1 = f32x4.mul(v128.load(by + at, 16), v128.load(weight + at, 16));
      sum0 = f32x4.add(sum0, g0);
      sum1 = f32x4.add(sum1, g1);
      dot0 = madd(g0, f32x4.sub(v128.load(from + at), centers), dot0);
      dot1 = madd(g1, f32x4.sub(v128.load(from + at, 16), centers), dot1);
    }
    let sum = sumPair(sum0, sum1, scratch);
    let dot = sumPair(dot0, dot1, scratch + 32);
    for (; i < columns; i++) {
      const at = <usize>i << 2;
      const g = load<f32>(by + at) * load<f32>(weight + at);
      sum += g;
      dot += g * (load<f32>(from + at) - center);
    }
    sum /= width;
    // rstd·x̂·mean(ĝ⊙x̂) = (x − mean)·rstd³·mean(ĝ⊙(x − mean))
    const slope = -inverse * inverse * inverse * (dot / width);
    const sums = splat(sum);
    const inverses = splat(inverse);
    const slopes = splat(slope);
    for (i = 0; i + 8 <= columns; i += 8) {
      const at = <usize>i << 2;
      const g0 = f32x4.sub(f32x4.mul(v128.load(by + at), v128.load(weight + at)), sums);
      const g1 = f32x4.sub(f32x4.mul(v128.load(by + at, 16), v128.load(weight + at, 16)), sums);
      const d0 = madd(f32x4.sub(v128.load(from + at), centers), slopes, f32x4.mul(g0, inverses));
      const d1 = madd(f32x4.sub(v128.load(from + at, 16), centers), slopes, f32x4.mul(g1, inverses));
      storePair(to + at, d0, d1);
    }
    for (; i < columns; i++) {
      const at = <usize>i << 2;
      const g = load<f32>(by + at) * load<f32>(weight + at) - sum;
      store<f32>(to + at, g * inverse + (load<f32>(from + at) - center) * slope);
    }
  }
}

/**
 * losses[rows], logSumExps[rows] of logits[rows, columns] against targets[rows] (i32). Reference: `crossEntropy`.
 */
export function crossEntropy(
  logits: usize,
  targets: usize,
  losses: usize,
  logSumExps: usize,
  columns: i32,
  ignoreIndex: i32,
  smoothing: f32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  for (let row = begin; row < end; row++) {
    const from = logits + ((<usize>row * <usize>columns) << 2);
    const target = load<i32>(targets + (<usize>row << 2));
    const largest = largestOf(from, columns, scratch);
    const logSumExp = largest + logarithmOf(exponentialSum(from, largest, columns, scratch));
    store<f32>(logSumExps + (<usize>row << 2), logSumExp);
    let loss: f32 = 0;
    if (target != ignoreIndex) {
      loss = logSumExp - (<f32>1 - smoothing) * load<f32>(from + (<usize>target << 2));
      if (smoothing > 0) {
        loss -= (smoothing * sumOf(from, columns, scratch)) / <f32>columns;
      }
    }
    store<f32>(losses + (<usize>row << 2), loss);
  }
}

/** out[rows, columns] = gradient[rows]·(softmax − target distribution). Reference: `crossEntropyBackward`. */
export function crossEntropyBackward(
  logits: usize,
  targets: usize,
  logSumExps: usize,
  gradient: usize,
  out: usize,
  columns: i32,
  ignoreIndex: i32,
  smoothing: f32,
  begin: i32,
  end: i32,
): void {
  const background = splat(smoothing / <f32>columns);
  for (let row = begin; row < end; row++) {
    const offset = (<usize>row * <usize>columns) << 2;
    const from = logits + offset;
    const to = out + offset;
    const target = load<i32>(targets + (<usize>row << 2));
    const factor = target == ignoreIndex ? <f32>0 : load<f32>(gradient + (<usize>row << 2));
    let i = 0;
    if (factor == 0) {
      memory.fill(to, 0, <usize>columns << 2);
      continue;
    }
    const factors = splat(factor);
    const shifts = splat(load<f32>(logSumExps + (<usize>row << 2)));
    for (; i + 8 <= columns; i += 8) {
      const at = <usize>i << 2;
      const p0 = exponential(f32x4.sub(v128.load(from + at), shifts), NEGLIGIBLE);
      const p1 = exponential(f32x4.sub(v128.load(from + at, 16), shifts), NEGLIGIBLE);
      storePair(to + at, f32x4.mul(factors, f32x4.sub(p0, background)), f32x4.mul(factors, f32x4.sub(p1, background)));
    }
    for (; i < columns; i += 4) {
      const at = <usize>i << 2;
      const p = f32x4.mul(factors, f32x4.sub(shiftedExponentials(from + at, shifts, columns - i), background));
      if (columns - i >= 4) v128.store(to + at, p);
      else storeSome(to + at, p, columns - i);
    }
    const wanted = to + (<usize>target << 2);
    store<f32>(wanted, load<f32>(wanted) - factor * (<f32>1 - smoothing));
  }
}
