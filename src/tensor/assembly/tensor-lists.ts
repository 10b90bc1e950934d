/**
 * Loops over the elements of many tensors in one call. A table in memory has a row of f64 numbers for every tensor; a unit
 * of work is a chunk of one tensor, counted through all of them, so that small tensors fill the threads like large ones.
 */

import { constant, madd, splat, storePair, withoutDenormals } from "./lanes";
import { SUM_CHUNK } from "./reductions";

@inline
function chunksOf(length: i32, size: i32): i32 {
  return (length + size - 1) / size;
}

/** A row of squareChunks' table: address, number of elements. */
@unmanaged
class Square {
  x: f64;
  length: f64;
}

/**
 * partials[chunks] (f64) = Σ x² in f64 over chunks of 4096 elements of each tensor of the table. Unit of work: a chunk.
 * Reference: `sumOfSquares`.
 */
export function squareChunks(table: usize, partials: usize, begin: i32, end: i32): void {
  let row = table;
  let firstUnit = 0;
  for (let unit = begin; unit < end; row += offsetof<Square>()) {
    const tensor = changetype<Square>(row);
    const x = <usize>tensor.x;
    const length = <i32>tensor.length;
    const endUnit = firstUnit + chunksOf(length, SUM_CHUNK);
    for (; unit < min(end, endUnit); unit++) {
      const first = (unit - firstUnit) * SUM_CHUNK;
      const total = sumOfSquares(x + (<usize>first << 2), min(SUM_CHUNK, length - first));
      store<f64>(partials + (<usize>unit << 3), total);
    }
    firstUnit = endUnit;
  }
}

/** Σ x² of `length` elements, in f64. */
function sumOfSquares(x: usize, length: i32): f64 {
  let i = 0;
  let sum0 = f64x2.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  for (; i + 8 <= length; i += 8) {
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
  for (; i < length; i++) {
    const value = <f64>load<f32>(x + (<usize>i << 2));
    total += value * value;
  }
  return total;
}

/** A row of adamw's table: addresses, number of elements, and the tensor's own constants, the corrections inverted. */
@unmanaged
class Update {
  parameter: f64;
  gradient: f64;
  m: f64;
  v: f64;
  length: f64;
  weightDecay: f64;
  inverseCorrection1: f64;
  inverseCorrection2: f64;
}

/**
 * One AdamW update of parameter, m and v of each tensor of the table. `rest1` = 1 − β₁, `rest2` = 1 − β₂.
 * Unit of work: `chunk` elements, a multiple of eight. Reference: `adamw`.
 */
export function adamw(
  table: usize,
  chunk: i32,
  learningRate: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  epsilon: f32,
  gradientScale: f32,
  begin: i32,
  end: i32,
): void {
  let row = table;
  let firstUnit = 0;
  for (let unit = begin; unit < end; row += offsetof<Update>()) {
    const tensor = changetype<Update>(row);
    const length = <i32>tensor.length;
    const endUnit = firstUnit + chunksOf(length, chunk);
    if (unit < endUnit) {
      const first = (unit - firstUnit) * chunk;
      unit = min(end, endUnit);
      const last = min(length, (unit - firstUnit) * chunk);
      updateRange(tensor, learningRate, beta1, rest1, beta2, rest2, epsilon, gradientScale, first, last);
    }
    firstUnit = endUnit;
  }
}

/**
 * Elements `begin`…`end` of one tensor. Moments too small for a normal number become 0: a row of an embedding that is not
 * seen decays that far.
 */
function updateRange(
  tensor: Update,
  learningRate: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  epsilon: f32,
  gradientScale: f32,
  begin: i32,
  end: i32,
): void {
  const parameter = <usize>tensor.parameter;
  const gradient = <usize>tensor.gradient;
  const m = <usize>tensor.m;
  const v = <usize>tensor.v;
  const decay = <f32>tensor.weightDecay;
  const rootRest2 = sqrt<f32>(rest2);
  const inverseCorrection1 = <f32>tensor.inverseCorrection1;
  const inverseCorrection2 = <f32>tensor.inverseCorrection2;
  let at = <usize>begin << 2;
  const last = <usize>end << 2;
  const whole = at + (<usize>((end - begin) & ~7) << 2);
  for (; at < whole; at += 32) {
    const g0 = f32x4.mul(v128.load(gradient + at), splat(gradientScale));
    const g1 = f32x4.mul(v128.load(gradient + at, 16), splat(gradientScale));
    const m0 = firstMoment(v128.load(m + at), g0, beta1, rest1);
    const m1 = firstMoment(v128.load(m + at, 16), g1, beta1, rest1);
    const v0 = secondMoment(v128.load(v + at), g0, beta2, rootRest2);
    const v1 = secondMoment(v128.load(v + at, 16), g1, beta2, rootRest2);
    const p0 = updated(v128.load(parameter + at), m0, v0, learningRate, epsilon, decay, inverseCorrection1, inverseCorrection2);
    const p1 = updated(v128.load(parameter + at, 16), m1, v1, learningRate, epsilon, decay, inverseCorrection1, inverseCorrection2);
    storePair(m + at, m0, m1);
    storePair(v + at, v0, v1);
    storePair(parameter + at, p0, p1);
  }
  for (; at < last; at += 4) {
    const g = f32x4.mul(v128.load32_zero(gradient + at), splat(gradientScale));
    const m0 = firstMoment(v128.load32_zero(m + at), g, beta1, rest1);
    const v0 = secondMoment(v128.load32_zero(v + at), g, beta2, rootRest2);
    const p = updated(v128.load32_zero(parameter + at), m0, v0, learningRate, epsilon, decay, inverseCorrection1, inverseCorrection2);
    v128.store_lane<f32>(m + at, m0, 0);
    v128.store_lane<f32>(v + at, v0, 0);
    v128.store_lane<f32>(parameter + at, p, 0);
  }
}

@inline
function firstMoment(m: v128, g: v128, beta: f32, rest: f32): v128 {
  return withoutDenormals(madd(splat(beta), m, f32x4.mul(splat(rest), g)));
}

/** 2⁻⁶³: the square of anything smaller is no normal number. */
const LEAST_ROOT = memory.data<f32>([1.0842021724855044e-19]);

/** β·v + (rootRest·g)², without squares that are no normal numbers: they take long, and nothing would be left of them. */
@inline
function secondMoment(v: v128, g: v128, beta: f32, rootRest: f32): v128 {
  const root = f32x4.mul(splat(rootRest), g);
  const counted = v128.andnot(root, f32x4.lt(f32x4.abs(root), constant(LEAST_ROOT)));
  return withoutDenormals(madd(splat(beta), v, f32x4.mul(counted, counted)));
}

/** The new parameters of four elements, from their new moments. */
@inline
function updated(
  parameter: v128,
  m: v128,
  v: v128,
  learningRate: f32,
  epsilon: f32,
  decay: f32,
  inverseCorrection1: f32,
  inverseCorrection2: f32,
): v128 {
  const deviation = f32x4.add(f32x4.sqrt(f32x4.mul(v, splat(inverseCorrection2))), splat(epsilon));
  const update = f32x4.div(f32x4.mul(m, splat(inverseCorrection1)), deviation);
  return madd(splat(-learningRate), madd(splat(decay), parameter, update), parameter);
}
