/**
 * Makes the coefficient tables of src/tensor/assembly/lanes.ts and gelu.ts, and prints them with the error of each fit:
 * `node scripts/fit-polynomials.ts`. test/tensor/polynomials.test.ts holds the sources to them.
 *
 * Every table is a polynomial P in u(x), on an interval of x, that makes the largest |w(x)·(f(x) − P(u(x)))| as small as
 * can be. The weight w says how an error of P becomes one of the kernel's result; where that is wanted relative, w has
 * the function itself below the fraction. Coefficients that a kernel fixes, such as the 1 + r of e^r, are moved into f.
 */

import { erf, normalDensity } from "../src/tensor/erf.ts";

interface Problem {
  interval: readonly [number, number];
  /** Rises or falls with x; x itself unless given. */
  u?: (x: number) => number;
  f: (x: number) => number;
  /** Its sign does not matter. */
  w: (x: number) => number;
  degree: number;
}

export interface Fit {
  /** Of the highest power first, as f32. */
  coefficients: number[];
  /** The largest weighted error before the coefficients are rounded to f32. */
  error: number;
  /** And after. */
  roundedError: number;
}

/** erfc z for z ≥ 0, to 2e-13 of itself: beyond 2 the continued fraction of erf.ts, deep enough for there. */
export function erfc(z: number): number {
  if (z < 2) return 1 - erf(z);
  let fraction = z;
  for (let n = 100; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction);
}

/** 1 − Φ(x) for x ≥ 0, Φ being the normal distribution. */
const normalTail = (x: number) => 0.5 * erfc(x * Math.SQRT1_2);
/** Φ(1 − Φ). */
const gateSpread = (x: number) => normalTail(x) * (1 - normalTail(x));
const square = (x: number) => x * x;

/** 1/(1 + ERFC_SCALE·z) is the variable of erfc's polynomial, as in Numerical Recipes' `erfcc`. */
export const ERFC_SCALE = 0.5;
/** Below this tanh x is a polynomial. */
export const TANH_NEAR = 0.7;
/** Between −GELU_REACH and GELU_REACH the exact GELU is computed. */
export const GELU_REACH = 6;
/**
 * Added to Φ(1 − Φ), by which an error of the exponent becomes one of the gate. Without it the fit cares so little for
 * the tails that the gate is wrong there by orders of magnitude; with it even the smallest gate is right to 4 % of itself,
 * at the price of half as much error again elsewhere.
 */
const TAIL = 1e-6;

const PROBLEMS = {
  // e^r = 1 + r + r²·P(r); relative.
  EXP_SERIES: {
    interval: [-Math.LN2 / 2, Math.LN2 / 2],
    f: (r) => (Math.expm1(r) - r) / (r * r),
    w: (r) => (r * r) / Math.exp(r),
    degree: 4,
  },
  // 2^r = 1 + r·P(r); relative.
  POWER_SERIES: {
    interval: [-0.5, 0.5],
    f: (r) => Math.expm1(r * Math.LN2) / r,
    w: (r) => r / 2 ** r,
    degree: 4,
  },
  // ln(1 + f) = f + f²·P(f); relative, for numbers beside 1.
  LOG_SERIES: {
    interval: [Math.SQRT1_2 - 1, Math.SQRT2 - 1],
    f: (f) => (Math.log1p(f) - f) / (f * f),
    w: (f) => (f * f) / Math.log1p(f),
    degree: 7,
  },
  // tanh x = x + x³·P(x²); relative.
  TANH_SERIES: {
    interval: [0, TANH_NEAR],
    u: square,
    f: (x) => (Math.tanh(x) / x - 1) / (x * x),
    w: (x) => x ** 3 / Math.tanh(x),
    degree: 4,
  },
  // erf x = x·P(x²); relative.
  ERF_SERIES: {
    interval: [0, 1],
    u: square,
    f: (x) => erf(x) / x,
    w: (x) => x / erf(x),
    degree: 5,
  },
  // erfc z = e^(−z²)·t·P(t) with t = 1/(1 + ERFC_SCALE·z); absolute, since the kernel takes it from 1. Beyond
  // the interval's end that is 1 in f32.
  ERFC_SERIES: {
    interval: [1, 4],
    u: (z) => 1 / (1 + ERFC_SCALE * z),
    f: (z) => erfc(z) * Math.exp(z * z) * (1 + ERFC_SCALE * z),
    w: (z) => Math.exp(-z * z) / (1 + ERFC_SCALE * z),
    degree: 4,
  },
  // log₂((1 − Φ)/Φ) = x·P(x²), the exponent of GELU's gate; the absolute error of the gate, and TAIL.
  EXACT_EXPONENT: {
    interval: [0, GELU_REACH],
    u: square,
    f: (x) => Math.log2(normalTail(x) / (1 - normalTail(x))) / x,
    w: (x) => Math.LN2 * x * (gateSpread(x) + TAIL),
    degree: 7,
  },
  // φ/(Φ(1 − Φ)) = P(x²); the absolute error of the slope, where it is multiplied by x·Φ(1 − Φ), and TAIL.
  EXACT_SLOPE: {
    interval: [0, GELU_REACH],
    u: square,
    f: (x) => normalDensity(x) / gateSpread(x),
    w: (x) => x * (gateSpread(x) + TAIL),
    degree: 7,
  },
} satisfies Record<string, Problem>;

/** Even: neither the interval's ends nor its middle are among the points, where some f is 0/0. */
const POINTS = 4096;

/** The roots of a Chebyshev polynomial: the closer together, the nearer the interval's ends, as the extremes of errors are. */
function chebyshevPoints([from, to]: readonly [number, number]): number[] {
  const angle = (i: number) => (Math.PI * (i + 0.5)) / POINTS;
  return Array.from({ length: POINTS }, (_, i) => (from + to) / 2 - ((to - from) / 2) * Math.cos(angle(i)));
}

/** y[u₀], y[u₀, u₁], …: the coefficients of Newton's interpolation. */
function dividedDifferences(u: readonly number[], y: readonly number[]): number[] {
  const differences = [...y];
  for (let order = 1; order < u.length; order++) {
    for (let i = u.length - 1; i >= order; i--) {
      differences[i] = (differences[i] - differences[i - 1]) / (u[i] - u[i - order]);
    }
  }
  return differences;
}

/** Newton's Σ dᵢ·(u − u₀)…(u − uᵢ₋₁) in powers of u, the highest first. */
function expandNewton(u: readonly number[], d: readonly number[]): number[] {
  const powers: number[] = [];
  // As Horner's rule does: times u − uᵢ, plus dᵢ.
  for (let i = d.length - 1; i >= 0; i--) {
    powers.push(d[i]);
    for (let k = powers.length - 1; k > 0; k--) powers[k] -= u[i] * powers[k - 1];
  }
  return powers;
}

const evaluate = (coefficients: readonly number[], u: number) => coefficients.reduce((sum, next) => sum * u + next, 0);

/** Where errors are largest between changes of sign; the outermost are left out until `count` remain. */
function alternatingExtremes(errors: readonly number[], count: number): number[] {
  const extremes: number[] = [];
  const size = (at: number) => Math.abs(errors[at]);
  errors.forEach((error, i) => {
    const last = extremes.at(-1);
    if (last === undefined || error * errors[last] < 0) extremes.push(i);
    else if (size(i) > size(last)) extremes[extremes.length - 1] = i;
  });
  while (extremes.length > count) {
    if (size(extremes[0]) < size(extremes.at(-1)!)) extremes.shift();
    else extremes.pop();
  }
  return extremes;
}

/**
 * The best P among the points, by Remez's exchange (J.-M. Muller, Elementary Functions, chapter 3). The best P of degree n
 * is the one whose weighted errors reach their largest size at n + 2 points, with signs in turn (Chebyshev). So P is made to
 * have errors ±e there, f(xᵢ) − P(uᵢ) = (−1)ⁱ·e/w(xᵢ), the points are exchanged for those where the errors of that P are
 * largest, and so on until they stay. A polynomial of degree n has no divided difference of order n + 1, which gives e.
 */
function remez({ interval, u = (x) => x, f, w, degree }: Problem): Fit {
  const points = chebyshevPoints(interval).map((x) => ({ u: u(x), f: f(x), w: Math.abs(w(x)) }));
  const errorsOf = (powers: readonly number[]) =>
    points.map((point) => point.w * (point.f - evaluate(powers, point.u)));
  const largest = (errors: readonly number[]) => errors.reduce((most, error) => Math.max(most, Math.abs(error)), 0);
  const count = degree + 2;
  let chosen = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) / count) * POINTS));
  for (let round = 0; round < 50; round++) {
    const at = chosen.map((i) => points[i]);
    const nodes = at.map((point) => point.u);
    const values = dividedDifferences(
      nodes,
      at.map((point) => point.f),
    );
    const signs = dividedDifferences(
      nodes,
      at.map((point, i) => (-1) ** i / point.w),
    );
    const e = values[count - 1] / signs[count - 1];
    const powers = expandNewton(
      nodes,
      values.slice(0, -1).map((value, i) => value - e * signs[i]),
    );
    const errors = errorsOf(powers);
    const extremes = alternatingExtremes(errors, count);
    if (extremes.every((extreme, i) => extreme === chosen[i])) {
      const coefficients = powers.map(Math.fround);
      return { coefficients, error: largest(errors), roundedError: largest(errorsOf(coefficients)) };
    }
    if (extremes.length < count) throw new Error("the errors change sign too seldom for an exchange");
    chosen = extremes;
  }
  throw new Error("the exchange of points does not end");
}

/** The tables by their names in the sources. */
export function fitTables(): Record<keyof typeof PROBLEMS, Fit> {
  const fits = Object.entries(PROBLEMS).map(([name, problem]) => [name, remez(problem)]);
  return Object.fromEntries(fits);
}

/** The shortest decimal number that is rounded to this f32. */
function shortest(value: number): string {
  let digits = 1;
  while (Math.fround(Number(value.toPrecision(digits))) !== value) digits++;
  return String(Number(value.toPrecision(digits)));
}

if (import.meta.main) {
  for (const [name, { coefficients, error, roundedError }] of Object.entries(fitTables())) {
    const rounded = `${roundedError.toExponential(1)} with coefficients of f32`;
    console.log(`// error ${error.toExponential(1)}, ${rounded}`);
    console.log(`const ${name} = memory.data<f32>([\n  ${coefficients.map(shortest).join(", ")},\n]);`);
  }
}
