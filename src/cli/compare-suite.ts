/** `apollo compare --suite`: many runs from one name, continued wherever they were cut off, and one report. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RegimeComparison } from "../report/regime-comparison.ts";
import { regimeTable, regimeWarnings } from "../report/regime-table.ts";
import type { SuiteComparison } from "../report/suite-comparison.ts";
import { suiteTable } from "../report/suite-table.ts";
import { type StepTimes, stepTimes, unmeasured } from "../suites/calibration.ts";
import { compareRegime, compareSuite, workOf } from "../suites/compare-suite.ts";
import { SUITES } from "../suites/named-suites.ts";
import { recordedSuite } from "../suites/recorded-suites.ts";
import { Records } from "../suites/records.ts";
import { REGIME } from "../suites/regime.ts";
import { runSuites } from "../suites/run-suite.ts";
import type { RecipeRuns, Regime, Suite } from "../suites/suite.ts";
import { writeRegimeReport, writeSuiteReport } from "../suites/suite-report.ts";
import { interruptible } from "./interrupt.ts";
import { SuiteBoard } from "./suite-board.ts";
import { textOf } from "./text-table.ts";

export interface SuiteFlags {
  suite: string;
  seeds?: number;
  processes?: number;
  solo?: boolean;
  /** Makes no run: the report is of what is recorded. */
  reportOnly?: boolean;
  records?: string;
  out?: string;
}

export const SUITE_NAMES = [...Object.keys(SUITES), REGIME.name];

/** Runs what is missing of a suite and writes its report. @throws naming a suite that does not exist. */
export async function compareBySuite(flags: SuiteFlags): Promise<void> {
  const suite = suiteOf(flags);
  const suites = "points" in suite ? suite.points.map((point) => point.suite) : [suite];
  if (flags.solo && (flags.processes ?? 1) !== 1)
    throw new Error(`--processes ${flags.processes} cannot stand beside --solo, which makes one run at a time`);
  if (flags.reportOnly && (flags.solo || flags.processes !== undefined))
    throw new Error(`${flags.solo ? "--solo" : "--processes"} means nothing beside --report-only, which makes no run`);
  const folder = flags.out ?? join("runs", suite.name);
  const records = new Records(flags.records ?? join(folder, "records"));
  if (flags.reportOnly && !existsSync(records.folder))
    throw new Error(`there are no records to report: the folder ${records.folder} does not exist`);
  const comparisons = flags.reportOnly
    ? suites.map((one) => recordedSuite(one, records))
    : await compareByRunning(suites, { folder, records, processes: flags.processes, solo: flags.solo });
  const { warnings, table, files } =
    "points" in suite
      ? await tellRegime(compareRegime(suite, comparisons), folder)
      : await tellSuite(comparisons[0], folder);
  for (const warning of warnings) console.log(warning);
  console.log(textOf(table));
  console.log(`report: ${files.report}   numbers: ${files.comparison}   tables in Markdown: ${files.markdown}`);
  if (process.exitCode === 130) console.log("interrupted: the same command continues");
}

async function compareByRunning(
  suites: readonly Suite[],
  options: { folder: string; records: Records; processes?: number; solo?: boolean },
): Promise<SuiteComparison[]> {
  const { records, solo } = options;
  const board = new SuiteBoard();
  const { runs, lost } = await interruptible(async (signal, listen) => {
    const made = await runSuites(suites, {
      ...{ ...options, signal, onBegin: listen },
      onPrepare: (message) => console.error(message),
      onCount: (done, known) => board.count(done, known),
      onProgress: (experiment, progress) => board.progress(experiment, progress),
      onEnd(experiment, end) {
        board.end(experiment, end);
        if (end.status === "failed") process.exitCode = 1;
      },
    }).finally(() => board.stop());
    if (made.lost.size > 0) process.exitCode = 1;
    if (signal.aborted) process.exitCode = 130;
    return made;
  });
  return suites.map((suite, index) => {
    const times = solo ? null : timesOf(runs[index], records);
    return compareSuite(suite, runs[index], (hash) => records.get(hash), times, lost);
  });
}

/** Milliseconds of the steps that were made, measured alone now or before. */
function timesOf(runs: readonly RecipeRuns[], records: Records): StepTimes {
  const work = workOf(runs, (hash) => records.get(hash));
  // After Ctrl-C nothing takes half a minute.
  if (process.exitCode === 130 || work.kinds.length === 0) return unmeasured();
  return stepTimes(runs[0].grid[0], work, records.folder, () => console.error("timing the steps alone"));
}

async function tellSuite(comparison: SuiteComparison, folder: string) {
  const files = await writeSuiteReport(folder, comparison);
  return { warnings: comparison.warnings, table: suiteTable(comparison), files };
}

async function tellRegime(comparison: RegimeComparison, folder: string) {
  const files = await writeRegimeReport(folder, comparison);
  return { warnings: regimeWarnings(comparison), table: regimeTable(comparison), files };
}

function suiteOf({ suite: name, seeds }: SuiteFlags): Suite | Regime {
  if (name === REGIME.name) {
    if (seeds === undefined) return REGIME;
    const points = REGIME.points.map((point) => ({ ...point, suite: { ...point.suite, seeds } }));
    return { ...REGIME, points };
  }
  if (!Object.hasOwn(SUITES, name)) throw new Error(`there is no suite "${name}"; there are ${SUITE_NAMES.join(", ")}`);
  const suite = SUITES[name];
  return seeds === undefined ? suite : { ...suite, seeds };
}
