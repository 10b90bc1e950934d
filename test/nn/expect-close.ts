/** Comparing arrays of numbers by their distance. */

import { expect } from "chai";

/** Asserts ‖a − b‖ ≤ tolerance·‖b‖. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { tolerance = 1e-5, what = "values" }: { tolerance?: number; what?: string } = {},
): void {
  expect(actual.length, `length of ${what}`).to.equal(expected.length);
  const distance = Math.hypot(...Array.from(expected, (value, index) => actual[index] - value));
  expect(distance, what).to.be.at.most(tolerance * Math.hypot(...Array.from(expected)));
}

/** {@link expectClose} for arrays by name; the names must be the same. */
export function expectAllClose(
  actual: ReadonlyMap<string, ArrayLike<number>>,
  expected: ReadonlyMap<string, ArrayLike<number>>,
  tolerance: number,
): void {
  expect([...actual.keys()]).to.deep.equal([...expected.keys()]);
  for (const [what, values] of expected) expectClose(actual.get(what)!, values, { tolerance, what });
}
