/**
 * GELU and its slope on four lanes, exact and in tanh form.
 *
 * Both are x·g(x) with a gate g that rises from 0 to 1 as σ(z) = 1/(1 + e^−z) does, for an odd z: the tanh form by its
 * definition, with z = 2√(2/π)(x + 0.044715x³); the exact form, where g is the normal distribution Φ, with z = ln Φ/(1 − Φ),
 * which is x times a smooth function of x². So one power and one division make either.
 *
 * In f32 the exact form's g is right to 1.8e-7 and its slope to 7.5e-7, the tanh form's to 1.3e-7 and 2.6e-7, all
 * absolutely; test/tensor/accuracy.test.ts holds that.
 */

import { constant, madd, one, polynomial, powerOfTwo } from "./lanes";

/** −z/(x·ln 2) of the exact form in powers of x², by scripts/fit-polynomials.ts, as what follows. */
const EXACT_EXPONENT = memory.data<f32>([
  5.7353053e-11, -7.980342e-9, 4.34212e-7, -0.000011871782, 0.00016127796, 0.000091000366, -0.10483299, -2.3022096,
]);
/** z′ = φ/(Φ(1 − Φ)) of the exact form in powers of x². */
const EXACT_SLOPE = memory.data<f32>([
  -7.531996e-10, 8.2809485e-8, -0.0000035735632, 0.00007680453, -0.00079555437, -0.00028866378, 0.2179745, 1.5957729,
]);
/** −z/(x·ln 2) of the tanh form: the factor of x² and what stands alone. */
const TANH_EXPONENT = memory.data<f32>([-0.10294324159622192, -2.302208185195923]);
/** z′ of the tanh form. */
const TANH_SLOPE = memory.data<f32>([0.21406444907188416, 1.5957691669464111]);
/**
 * Beyond these g is 0 or 1 to f32's rounding, and the polynomials end. What is left below, 1e-9 and 1e-11, stays far enough
 * from the end of the normal range that a gradient may be multiplied with it.
 */
const REACH = memory.data<f32>([-6, 6]);

/** x between the two ends; NaN stays. */
@inline
function within(x: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, constant(REACH)), constant(REACH, 1));
}

/** 1/g − 1 = e^−z. */
@inline
function gateRest(isExact: bool, x: v128): v128 {
  const square = f32x4.mul(x, x);
  const factor = isExact
    ? polynomial(EXACT_EXPONENT, square)
    : madd(square, constant(TANH_EXPONENT), constant(TANH_EXPONENT, 1));
  return powerOfTwo(f32x4.mul(x, factor));
}

/** x·g(x). */
@inline
export function gelu(isExact: bool, x: v128): v128 {
  // Held from below only: what is far above stays itself.
  const product = f32x4.pmax(x, constant(REACH));
  return f32x4.div(product, f32x4.add(one(), gateRest(isExact, within(x))));
}

/**
 * g + x·g′ = g·(1 + x·z′·e^−z·g), since g′ = z′·g·(1 − g) and 1 − g = g·e^−z. The difference itself has lost digits to
 * rounding where g is near 1, and x·z′ grows to 40 there.
 */
@inline
export function geluSlope(isExact: bool, x: v128): v128 {
  const near = within(x);
  const rest = gateRest(isExact, near);
  const gate = f32x4.div(one(), f32x4.add(one(), rest));
  const square = f32x4.mul(near, near);
  const steepness = isExact
    ? polynomial(EXACT_SLOPE, square)
    : madd(square, constant(TANH_SLOPE), constant(TANH_SLOPE, 1));
  return f32x4.mul(madd(f32x4.mul(f32x4.mul(near, steepness), rest), gate, one()), gate);
}
