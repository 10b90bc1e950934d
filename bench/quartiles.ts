/** How measurements that vary are told. */

import { median } from "../src/report/statistics.ts";

/** The value below which a share of the values lies, in proportion between its two neighbours; NaN for an empty list. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** Median and quartiles, such as `1.79 (1.74–1.82)`. */
export function medianAndQuartiles(values: readonly number[], digits = 2): string {
  const [low, high] = [0.25, 0.75].map((share) => quantile(values, share).toFixed(digits));
  return `${median(values).toFixed(digits)} (${low}–${high})`;
}
