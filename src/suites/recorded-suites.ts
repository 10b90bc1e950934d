/** Suites as far as they are recorded: their comparisons without a run, and without a measurement. */

import type { RegimeComparison } from "../report/regime-comparison.ts";
import type { SuiteComparison } from "../report/suite-comparison.ts";
import { measuredStepTimes, unmeasured } from "./calibration.ts";
import { compareRegime, compareSuite, workOf } from "./compare-suite.ts";
import type { Records } from "./records.ts";
import { type Regime, runsOf, type Suite } from "./suite.ts";

/** Seconds are told where step times are recorded, too. */
export function recordedSuite(suite: Suite, records: Records): SuiteComparison {
  const recordOf = (hash: string) => records.get(hash);
  const runs = runsOf(suite, recordOf);
  const times = measuredStepTimes(runs[0].grid[0], workOf(runs, recordOf), records.folder);
  return compareSuite(suite, runs, recordOf, times ?? unmeasured());
}

export function recordedRegime(regime: Regime, records: Records): RegimeComparison {
  return compareRegime(
    regime,
    regime.points.map(({ suite }) => recordedSuite(suite, records)),
  );
}
