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

/** Steps in at most `count` windows of equal length: the mean loss of each, and the model FLOPs spent by its end. */
export function windowMeans(
  steps: readonly { loss: number; modelFlops: number }[],
  count: number,
): { loss: number; modelFlops: number }[] {
  const length = Math.max(1, Math.ceil(steps.length / count));
  const windows: { loss: number; modelFlops: number }[] = [];
  let modelFlops = 0;
  for (let start = 0; start < steps.length; start += length) {
    const window = steps.slice(start, start + length);
    modelFlops = window.reduce((sum, record) => sum + record.modelFlops, modelFlops);
    windows.push({ loss: window.reduce((sum, { loss }) => sum + loss, 0) / window.length, modelFlops });
  }
  return windows;
}

/** Arithmetic mean; NaN for an empty list. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation (n − 1); NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
