/** The error function in double precision, and the normal density that is its derivative up to scale. */

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/**
 * erf(x) = 2/√π ∫₀ˣ e^(−t²) dt, to 1e-14.
 *
 * Below 2.5 the series e^(−x²)·Σ 2ⁿx^(2n+1)/(2n+1)!!, whose terms are all of one sign; above, the continued fraction of
 * erfc, e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))) (Abramowitz & Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size >= 6) return Math.sign(x);
  return Math.sign(x) * (size < 2.5 ? erfSeries(size) : 1 - erfcFraction(size));
}

function erfSeries(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; term > total * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return TWO_OVER_ROOT_PI * Math.exp(-x * x) * total;
}

function erfcFraction(x: number): number {
  let fraction = x;
  for (let n = 60; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** φ(x) = e^(−x²/2)/√(2π). */
export function normalDensity(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}
