/**
 * Arithmetic on four f32 lanes: what the loops of the other files are made of. The polynomials are minimax fits made for
 * these ranges by scripts/fit-polynomials.ts, where each one's function and weight stand. The accuracies named here are
 * what f32 arithmetic reaches, and test/tensor/accuracy.test.ts holds them: all at the kernels that are these functions, but
 * powerOfTwo's, which no kernel is, only as a part of the GELUs' (a quarter of it at most reaches their gates).
 *
 * Why the loops look as they do: V8 can join two 128-bit vectors into a 256-bit one. It starts from two stores to adjacent
 * 16-byte places and follows what they store upwards, as long as both halves are made by the same operations from adjacent
 * loads, from the same scalar in all lanes, or from sums of the same loop. So every loop
 * - works on pairs of vectors, eight elements, and writes the upper one's address as the lower one's with an offset of 16;
 * - computes both before it stores either: a load cannot move across a store;
 * - stores by {@link storePair}, the upper half first, and
 * - ends a sum in {@link sumPair} or {@link largestOfPair}, which put the two halves into memory, for a sum by itself is
 *   no store to start from; two sums that end together need two places, since of stores to one place V8 sees but one.
 * The choice is made for a function as a whole, by counting what it saves.
 */

/** a·b + c: rounded once where the engine has relaxed SIMD, twice elsewhere. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

@inline
export function splat(value: f32): v128 {
  return f32x4.splat(value);
}

/** The sum of the four lanes. */
@inline
export function sumLanes(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

/** The largest of the four lanes. */
@inline
export function maxLanes(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** Stores eight elements. The upper half first: in the other order V8 keeps a 128-bit store beside the joint one. */
@inline
export function storePair(address: usize, low: v128, high: v128): void {
  v128.store(address, high, 16);
  v128.store(address, low);
}

/** Bytes at the beginning of a thread's scratch that stay zero; a pair of vectors lies behind them. */
const SCRATCH_PAIR: usize = 64;

/** The sum of eight lanes; see above for the way through the thread's scratch. */
@inline
export function sumPair(low: v128, high: v128, scratch: usize): f32 {
  const pair = scratch + SCRATCH_PAIR;
  storePair(pair, low, high);
  return sumLanes(f32x4.add(v128.load(pair), v128.load(pair, 16)));
}

/** The largest of eight lanes, NaN where there is one. */
@inline
export function largestOfPair(low: v128, high: v128, scratch: usize): f32 {
  const pair = scratch + SCRATCH_PAIR;
  storePair(pair, low, high);
  return maxLanes(f32x4.max(v128.load(pair), v128.load(pair, 16)));
}

// The constants lie in memory: engines make an immediate vector anew at every use, also in a loop, by several
// instructions, which takes longer than all the arithmetic. Zero alone costs nothing.
const ONE = memory.data<f32>([1]);
const TWO = memory.data<f32>([2]);
const INFINITE = memory.data<f32>([Infinity]);
const NOT_A_NUMBER = memory.data<f32>([NaN]);
const SMALLEST_NORMAL = memory.data<f32>([1.17549435e-38]);
const SIGN_BIT = memory.data<u32>([0x80000000]);
/** ln 2 in two parts, the first of which has few enough bits that its product with a whole number is exact. */
const LN_2 = memory.data<f32>([0.693359375, -2.12194440e-4]);
const NEGATIVE_LN_2 = memory.data<f32>([-0.693359375, 2.12194440e-4]);

/** The number of a table made by `memory.data`, in all lanes. */
@inline
export function constant(table: usize, index: usize = 0): v128 {
  return v128.load32_splat(table + (index << 2));
}

@inline
export function one(): v128 {
  return constant(ONE);
}

const LOG2_E = memory.data<f32>([1.4426950408889634]);
/** Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits. */
const ROUND = memory.data<f32>([12582912]);
/** 2ⁿ is still finite. */
const EXP_LARGEST = memory.data<f32>([127]);
const EXP_SERIES = memory.data<f32>([0.0013814613, 0.00836871, 0.04166839, 0.16666521, 0.49999994]);
/** Below lies what is no normal number. */
const EXP_LOWEST = memory.data<f32>([-87.3]);
/**
 * A softmax's weights below e^−50 of the largest of their row become 0, and so do gates. They are far below its rounding;
 * yet what they are multiplied with, on and on in a backward pass, would leave the range of normal numbers, on which
 * arithmetic takes a hundred times as long.
 */
export const NEGLIGIBLE = memory.data<f32>([-50]);

/**
 * e^x = 2ⁿ·e^r with n = round(x/ln 2), |r| ≤ ½ ln 2, to 1e-7 of itself; 0 below the normal range (x < −87.3), or below
 * the number at `lowest`. Above 88.3, where n must not be rounded up, r leaves the polynomial's range: to 6e-6 there.
 */
@inline
export function exponential(x: v128, lowest: usize = EXP_LOWEST): v128 {
  const shifted = f32x4.add(f32x4.pmin(f32x4.mul(x, constant(LOG2_E)), constant(EXP_LARGEST)), constant(ROUND));
  const n = f32x4.sub(shifted, constant(ROUND));
  const r = madd(n, constant(NEGATIVE_LN_2, 1), madd(n, constant(NEGATIVE_LN_2), x));
  const square = f32x4.mul(r, r);
  const upper = madd(constant(EXP_SERIES), square, madd(constant(EXP_SERIES, 1), r, constant(EXP_SERIES, 2)));
  const lower = madd(constant(EXP_SERIES, 3), r, constant(EXP_SERIES, 4));
  const p = f32x4.add(madd(madd(upper, square, lower), square, r), one());
  // The comparison is false for NaN, which therefore passes.
  const isLow = f32x4.lt(x, constant(lowest));
  // Cleared before the product too: one that is no normal number costs its time even if nobody sees it.
  const power = v128.andnot(i32x4.add(i32x4.shl(shifted, 23), one()), isLow);
  return v128.andnot(f32x4.mul(p, power), isLow);
}

const POWER_SERIES = memory.data<f32>([0.0013264727, 0.009671513, 0.055507336, 0.24022242, 0.693147]);

/** 2^x for |x| ≤ 125, to about 2e-7 of itself. */
@inline
export function powerOfTwo(x: v128): v128 {
  const shifted = f32x4.add(x, constant(ROUND));
  const r = f32x4.sub(x, f32x4.sub(shifted, constant(ROUND)));
  const square = f32x4.mul(r, r);
  const upper = madd(constant(POWER_SERIES), r, constant(POWER_SERIES, 1));
  const middle = madd(constant(POWER_SERIES, 2), r, constant(POWER_SERIES, 3));
  const p = madd(madd(upper, square, middle), square, madd(constant(POWER_SERIES, 4), r, one()));
  // The whole number is added to the exponent's bits.
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** Σ table[7 − k]·x^k, k = 0…7. In pairs, so that few of the products wait for one another. */
@inline
export function polynomial(table: usize, x: v128): v128 {
  const square = f32x4.mul(x, x);
  const p6 = madd(constant(table), x, constant(table, 1));
  const p4 = madd(constant(table, 2), x, constant(table, 3));
  const p2 = madd(constant(table, 4), x, constant(table, 5));
  const p0 = madd(constant(table, 6), x, constant(table, 7));
  return madd(madd(p6, square, p4), f32x4.mul(square, square), madd(p2, square, p0));
}

const LOG_SCALE = memory.data<f32>([8388608]);
const LOG_SCALE_STEPS = memory.data<f32>([23]);
const LOG_ROOT_HALF_BITS = memory.data<i32>([0x3f3504f3]);
const LOG_SERIES = memory.data<f32>([
  0.08734843, -0.14307521, 0.14917974, -0.16570508, 0.19962072, -0.25001755, 0.3333395, -0.4999999,
]);

/** ln x = e·ln 2 + ln m with x = m·2ᵉ, √½ ≤ m < √2, to 1.1e-7 of itself. */
@inline
export function logarithm(x: v128): v128 {
  const tiny = f32x4.lt(x, constant(SMALLEST_NORMAL));
  const scaled = v128.bitselect(f32x4.mul(x, constant(LOG_SCALE)), x, tiny);
  const steps = i32x4.shr_s(i32x4.sub(scaled, constant(LOG_ROOT_HALF_BITS)), 23);
  const f = f32x4.sub(i32x4.sub(scaled, i32x4.shl(steps, 23)), one());
  const e = f32x4.sub(f32x4.convert_i32x4_s(steps), v128.and(tiny, constant(LOG_SCALE_STEPS)));
  let p = madd(constant(LOG_SERIES), f, constant(LOG_SERIES, 1));
  p = madd(p, f, constant(LOG_SERIES, 2));
  p = madd(p, f, constant(LOG_SERIES, 3));
  p = madd(p, f, constant(LOG_SERIES, 4));
  p = madd(p, f, constant(LOG_SERIES, 5));
  p = madd(p, f, constant(LOG_SERIES, 6));
  p = madd(p, f, constant(LOG_SERIES, 7));
  const rest = madd(e, constant(LN_2, 1), f32x4.mul(p, f32x4.mul(f, f)));
  let y = madd(e, constant(LN_2), f32x4.add(f, rest));
  // Infinity and NaN stay themselves; below zero there is no logarithm; zero has −∞.
  y = v128.bitselect(y, x, f32x4.lt(x, constant(INFINITE)));
  y = v128.bitselect(constant(NOT_A_NUMBER), y, f32x4.lt(x, splat(0)));
  return v128.bitselect(f32x4.neg(constant(INFINITE)), y, f32x4.eq(x, splat(0)));
}

/** 1/(1 + e^−x), to 1.6e-7 of itself; 0 below the normal range, or where x is below the number at `lowest`. */
@inline
export function logistic(x: v128, lowest: usize = EXP_LOWEST): v128 {
  const y = f32x4.div(one(), f32x4.add(one(), exponential(f32x4.neg(x))));
  return v128.andnot(y, f32x4.lt(x, constant(lowest)));
}

const TANH_SERIES = memory.data<f32>([-0.005138663, 0.020091971, -0.05355886, 0.13329111, -0.3333319]);
const TANH_NEAR = memory.data<f32>([0.7]);

/** tanh x, to 1.1e-7 of itself: an odd polynomial near zero, where 1 − 2/(e^2x + 1) would cancel. */
@inline
export function hyperbolicTangent(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let p = madd(constant(TANH_SERIES), square, constant(TANH_SERIES, 1));
  p = madd(p, square, constant(TANH_SERIES, 2));
  p = madd(p, square, constant(TANH_SERIES, 3));
  p = madd(p, square, constant(TANH_SERIES, 4));
  const near = madd(f32x4.mul(p, square), x, x);
  const away = f32x4.sub(one(), f32x4.div(constant(TWO), f32x4.add(one(), exponential(f32x4.add(size, size)))));
  return v128.bitselect(near, withSign(away, x), f32x4.lt(size, constant(TANH_NEAR)));
}

const ERFC_SCALE = memory.data<f32>([0.5]);
const ERFC_SERIES = memory.data<f32>([-0.20329894, 0.55622894, 0.0293692, 0.34226942, 0.275492]);

/**
 * erfc z = e^(−z²)·t·P(t) with t = 1/(1 + z/2), for z ≥ 1. Right beside 1, from which it is taken, not beside itself.
 * `decay` is e^(−z²).
 */
@inline
function complementaryError(z: v128, decay: v128): v128 {
  const t = f32x4.div(one(), madd(z, constant(ERFC_SCALE), one()));
  let p = madd(constant(ERFC_SERIES), t, constant(ERFC_SERIES, 1));
  p = madd(p, t, constant(ERFC_SERIES, 2));
  p = madd(p, t, constant(ERFC_SERIES, 3));
  p = madd(p, t, constant(ERFC_SERIES, 4));
  return f32x4.mul(f32x4.mul(p, t), decay);
}

const ERF_SERIES = memory.data<f32>([-0.00056314224, 0.0049175513, -0.026711311, 0.1128018, -0.37612325, 1.1283791]);

/** erf x, to 1.8e-7 of itself: an odd polynomial below 1, 1 − erfc above. */
@inline
export function errorFunction(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let p = madd(constant(ERF_SERIES), square, constant(ERF_SERIES, 1));
  p = madd(p, square, constant(ERF_SERIES, 2));
  p = madd(p, square, constant(ERF_SERIES, 3));
  p = madd(p, square, constant(ERF_SERIES, 4));
  p = madd(p, square, constant(ERF_SERIES, 5));
  const away = f32x4.sub(one(), complementaryError(size, exponential(f32x4.neg(square), NEGLIGIBLE)));
  return v128.bitselect(f32x4.mul(p, x), withSign(away, x), f32x4.lt(size, one()));
}

/** A non-negative number with the sign of `sign`. */
@inline
function withSign(size: v128, sign: v128): v128 {
  return v128.or(size, v128.and(sign, constant(SIGN_BIT)));
}

/** Sets lanes too small for a normal number to zero: arithmetic on what remains would be slow for nothing. */
@inline
export function withoutDenormals(x: v128): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), constant(SMALLEST_NORMAL)));
}

const MIXING = memory.data<u32>([0x7feb352d, 0x846ca68b]);
const LANE_NUMBERS = memory.data<i32>([0, 1, 2, 3, 4, 5, 6, 7]);

/** The bijective mixing of 32 bits of random.ts (`mixBits`). */
@inline
function mixBits(value: v128): v128 {
  let bits = i32x4.mul(v128.xor(value, i32x4.shr_u(value, 16)), constant(MIXING));
  bits = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 15)), constant(MIXING, 1));
  return v128.xor(bits, i32x4.shr_u(bits, 16));
}

/** 0, 1, 2, 3, or with `half` = 1 what follows: 4, 5, 6, 7. To be loaded before a loop, or its loads do not join. */
@inline
export function laneNumbers(half: usize = 0): v128 {
  return v128.load(LANE_NUMBERS + (half << 4));
}

/** All ones where dropout keeps element `index` + lane: `dropoutBits(seed, index + lane) ≥ threshold`. */
@inline
export function keptMask(index: i32, seedLow: i32, seedHigh: i32, threshold: u32, lanes: v128 = laneNumbers()): v128 {
  const counter = i32x4.add(i32x4.splat(index + seedLow), lanes);
  return i32x4.ge_u(mixBits(v128.xor(mixBits(counter), i32x4.splat(seedHigh))), i32x4.splat(threshold));
}

/** Loads `count` < 4 elements; the other lanes are 0. */
@inline
export function loadSome(address: usize, count: i32): v128 {
  let x = v128.load32_zero(address);
  if (count > 1) x = v128.load_lane<f32>(address, x, 1, 4);
  if (count > 2) x = v128.load_lane<f32>(address, x, 2, 8);
  return x;
}

/** Stores the first `count` < 4 lanes. */
@inline
export function storeSome(address: usize, x: v128, count: i32): void {
  v128.store_lane<f32>(address, x, 0);
  if (count > 1) v128.store_lane<f32>(address, x, 1, 4);
  if (count > 2) v128.store_lane<f32>(address, x, 2, 8);
}
