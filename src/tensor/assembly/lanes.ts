/**
 * Arithmetic on four f32 lanes: what the loops of the other files are made of.
 *
 * The loops work on adjacent pairs of vectors (eight elements), because engines that can join two 128-bit operations
 * into a 256-bit one look for exactly that. The polynomials are minimax fits made for these ranges.
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

/**
 * e^x = 2ⁿ·e^r with n = round(x/ln 2), |r| ≤ ½ ln 2, to 1e-7 of itself; 0 below the normal range (x < −87.3).
 * ln 2 is subtracted in two parts, the first of which has few enough bits that its product with n is exact.
 */
@inline
export function exponential(x: v128): v128 {
  // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits. n stays at 127, where 2ⁿ is still finite.
  const shifted = f32x4.add(f32x4.pmin(f32x4.mul(x, splat(1.4426950408889634)), splat(127)), splat(12582912));
  const n = f32x4.sub(shifted, splat(12582912));
  const r = madd(n, splat(2.12194440e-4), madd(n, splat(-0.693359375), x));
  let p = madd(splat(0.0013814467238262296), r, splat(0.008368780836462975));
  p = madd(p, r, splat(0.04166839271783829));
  p = madd(p, r, splat(0.1666651964187622));
  p = madd(p, r, splat(0.4999999403953552));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), splat(1));
  const power = i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(0x3f800000));
  // The comparison is false for NaN, which therefore passes.
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, splat(-87.3)));
}

/** ln x = e·ln 2 + ln m with x = m·2ᵉ, √½ ≤ m < √2. */
@inline
export function logarithm(x: v128): v128 {
  const tiny = f32x4.lt(x, splat(1.17549435e-38));
  const scaled = v128.bitselect(f32x4.mul(x, splat(8388608)), x, tiny);
  const steps = i32x4.shr_s(i32x4.sub(scaled, i32x4.splat(0x3f3504f3)), 23);
  const f = f32x4.sub(i32x4.sub(scaled, i32x4.shl(steps, 23)), splat(1));
  const e = f32x4.sub(f32x4.convert_i32x4_s(steps), v128.and(tiny, splat(23)));
  let p = madd(splat(0.08734842389822006), f, splat(-0.14307521283626556));
  p = madd(p, f, splat(0.14917974174022675));
  p = madd(p, f, splat(-0.16570508480072021));
  p = madd(p, f, splat(0.19962072372436523));
  p = madd(p, f, splat(-0.25001755356788635));
  p = madd(p, f, splat(0.33333951234817505));
  p = madd(p, f, splat(-0.49999991059303284));
  const rest = madd(e, splat(-2.12194440e-4), f32x4.mul(p, f32x4.mul(f, f)));
  let y = madd(e, splat(0.693359375), f32x4.add(f, rest));
  // Infinity and NaN stay themselves; below zero there is no logarithm; zero has −∞.
  y = v128.bitselect(y, x, f32x4.lt(x, splat(Infinity)));
  y = v128.bitselect(splat(NaN), y, f32x4.lt(x, splat(0)));
  return v128.bitselect(splat(-Infinity), y, f32x4.eq(x, splat(0)));
}

/** 1/(1 + e^−x). */
@inline
export function logistic(x: v128): v128 {
  return f32x4.div(splat(1), f32x4.add(splat(1), exponential(f32x4.neg(x))));
}

/** tanh x: an odd polynomial near zero, where 1 − 2/(e^2x + 1) would cancel. */
@inline
export function hyperbolicTangent(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let p = madd(splat(-0.00513866264373064), square, splat(0.02009197138249874));
  p = madd(p, square, splat(-0.05355885997414589));
  p = madd(p, square, splat(0.1332911103963852));
  p = madd(p, square, splat(-0.3333319127559662));
  const near = madd(f32x4.mul(p, square), x, x);
  const away = f32x4.sub(splat(1), f32x4.div(splat(2), f32x4.add(splat(1), exponential(f32x4.add(size, size)))));
  return v128.bitselect(near, withSign(away, x), f32x4.lt(size, splat(0.7)));
}

/** erfc z = e^(−z²)·t·P(t) with t = 1/(1 + 0.44 z), for z ≥ 0, to 3e-7 of itself. `decay` is e^(−z²). */
@inline
function complementaryError(z: v128, decay: v128): v128 {
  const t = f32x4.div(splat(1), madd(z, splat(0.44), splat(1)));
  let p = madd(splat(0.07122334092855453), t, splat(-0.27794745564460754));
  p = madd(p, t, splat(0.2966865003108978));
  p = madd(p, t, splat(-0.02017977461218834));
  p = madd(p, t, splat(0.21581175923347473));
  p = madd(p, t, splat(0.21731369197368622));
  p = madd(p, t, splat(0.24887116253376007));
  p = madd(p, t, splat(0.24822095036506653));
  return f32x4.mul(f32x4.mul(p, t), decay);
}

/** erf x: an odd polynomial below 1, 1 − erfc above. */
@inline
export function errorFunction(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let p = madd(splat(-0.0005631422391161323), square, splat(0.004917551297694445));
  p = madd(p, square, splat(-0.02671131119132042));
  p = madd(p, square, splat(0.11280179768800735));
  p = madd(p, square, splat(-0.37612324953079224));
  p = madd(p, square, splat(1.1283791065216064));
  const away = f32x4.sub(splat(1), complementaryError(size, exponential(f32x4.neg(square))));
  return v128.bitselect(f32x4.mul(p, x), withSign(away, x), f32x4.lt(size, splat(1)));
}

/** Φ(x), given e^(−x²/2): ½ erfc(|x|/√2) left of zero, 1 minus that right of it. */
@inline
export function normalDistribution(x: v128, decay: v128): v128 {
  const tail = f32x4.mul(
    splat(0.5),
    complementaryError(f32x4.mul(f32x4.abs(x), splat(0.7071067811865476)), decay),
  );
  return v128.bitselect(tail, f32x4.sub(splat(1), tail), f32x4.lt(x, splat(0)));
}

/** e^(−x²/2). */
@inline
export function normalDecay(x: v128): v128 {
  return exponential(f32x4.mul(f32x4.mul(x, x), splat(-0.5)));
}

/** A non-negative number with the sign of `sign`. */
@inline
function withSign(size: v128, sign: v128): v128 {
  return v128.or(size, v128.and(sign, i32x4.splat(0x80000000)));
}

/** Sets lanes too small for a normal number to zero: arithmetic on what remains would be slow for nothing. */
@inline
export function withoutDenormals(x: v128): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), splat(1.17549435e-38)));
}

/** The bijective mixing of 32 bits of random.ts (`mixBits`). */
@inline
function mixBits(value: v128): v128 {
  let bits = i32x4.mul(v128.xor(value, i32x4.shr_u(value, 16)), i32x4.splat(0x7feb352d));
  bits = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 15)), i32x4.splat(0x846ca68b));
  return v128.xor(bits, i32x4.shr_u(bits, 16));
}

/** All ones in the lanes that dropout keeps, of the four elements `index`…: `dropoutBits(seed, index) ≥ threshold`. */
@inline
export function keptMask(index: i32, seedLow: i32, seedHigh: i32, threshold: u32): v128 {
  const counter = i32x4.add(i32x4.splat(index + seedLow), i32x4(0, 1, 2, 3));
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
