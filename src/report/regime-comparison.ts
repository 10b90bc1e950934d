/** What the report of a regime shows: the comparison at every point. The lab computes it; the report only draws it. */

import type { SuiteComparison } from "./suite-comparison.ts";

export interface RegimeComparison {
  title: string;
  /** Model and budget of the middle, in one line. */
  setup: string;
  points: RegimeResult[];
}

export interface RegimeResult {
  /** What differs from the middle, and how. */
  axis: string;
  value: string;
  comparison: SuiteComparison;
}

/** "length: 24,000 steps" */
export function nameOfPoint({ axis, value }: Pick<RegimeResult, "axis" | "value">): string {
  return `${axis}: ${value}`;
}
