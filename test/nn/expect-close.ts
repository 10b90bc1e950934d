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
