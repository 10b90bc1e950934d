/**
 * GELU and its slope on four lanes, exact and in tanh form.
 *
 * Both are x·g(x) with a gate g that rises from 0 to 1 as σ(z) = 1/(1 + e^−z) does, for an odd z: the tanh form by its
 * definition, with z = 2√(2/π)(x + 0.044715x³); the exact form, where g is the normal distribution Φ, with z = ln Φ/(1 − Φ),
 * which is x times a smooth function of x². So one power and one division make either.
 */

import { constant, madd, one, polynomial, powerOfTwo } from "./lanes";

/** −z/(x·ln 2) of the exact form in powers of x²; g to 6e-8. */
const EXACT_EXPONENT = memory.data<f32>([
  5.735801764106263e-11, -7.980693439435527e-9, 4.3422053863650945e-7, -1.1871810810864493e-5, 1.6127839626278728e-4,
  9.099945600610226e-5, -0.10483299195766449, -2.3022096157073975,
]);
/** z′ = φ/(Φ(1 − Φ)) of the exact form in powers of x²; the slope to 4e-7. */
const EXACT_SLOPE = memory.data<f32>([
  -7.531903989388411e-10, 8.28090591653563e-8, -3.5735613437282154e-6, 7.680462294956669e-5, -7.955555920489132e-4,
  -2.8865854255855083e-4, 0.2179744839668274, 1.5957728624343872,
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

/** g + x·g′ with g′ = z′·g·(1 − g). */
@inline
export function geluSlope(isExact: bool, x: v128): v128 {
  const near = within(x);
  const gate = f32x4.div(one(), f32x4.add(one(), gateRest(isExact, near)));
  const square = f32x4.mul(near, near);
  const steepness = isExact
    ? polynomial(EXACT_SLOPE, square)
    : madd(square, constant(TANH_SLOPE), constant(TANH_SLOPE, 1));
  return madd(f32x4.mul(f32x4.mul(near, steepness), gate), f32x4.sub(one(), gate), gate);
}
