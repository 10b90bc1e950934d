/** Middle value; the mean of the two middle ones where the count is even; NaN for an empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Smooths a series: each value becomes the median of itself and the values before it, `window` in all (fewer at the
 * beginning). With window 3 this is the smoothing of validation losses in methods.md D.1.
 */
export function trailingMedian(values: readonly number[], window = 3): number[] {
  return values.map((_, index) => median(values.slice(Math.max(0, index - window + 1), index + 1)));
}

/**
 * Value at `at` of the line through the points (x, y), x not decreasing; held constant beyond both ends.
 * NaN without points.
 */
export function interpolate(points: readonly { x: number; y: number }[], at: number): number {
  if (points.length === 0) return Number.NaN;
  if (at <= points[0].x) return points[0].y;
  for (let index = 1; index < points.length; index++) {
    const left = points[index - 1];
    const right = points[index];
    if (at <= right.x) {
      return right.x === left.x ? right.y : left.y + ((right.y - left.y) * (at - left.x)) / (right.x - left.x);
    }
  }
  return points[points.length - 1].y;
}
