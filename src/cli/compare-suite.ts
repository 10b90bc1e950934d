/** `apollo compare --suite`: many runs from one name, continued wherever they were cut off, and one report. */

import { join } from "node:path";
import Table from "cli-table3";
import { stepTimes } from "../lab/calibration.ts";
import { compareSuite, workOf } from "../lab/compare-suite.ts";
import { Records } from "../lab/records.ts";
import { runSuite } from "../lab/run-suite.ts";
import type { Suite } from "../lab/suite.ts";
import { writeSuiteReport } from "../lab/suite-report.ts";
import { SUITES } from "../lab/suites.ts";
import { suiteTable } from "../report/suite-table.ts";
import { interruptible } from "./interrupt.ts";
import { SuiteBoard } from "./suite-board.ts";

export interface SuiteFlags {
  suite: string;
  seeds?: number;
  processes?: number;
  solo?: boolean;
  records?: string;
  out?: string;
}

/** Runs what is missing of a suite and writes its report. @throws naming a suite that does not exist. */
export async function compareBySuite(flags: SuiteFlags): Promise<void> {
  const suite = suiteOf(flags);
  const folder = flags.out ?? join("runs", suite.name);
  const records = new Records(flags.records ?? join(folder, "records"));
  const board = new SuiteBoard();
  const runs = await interruptible(async (signal, listen) => {
    listen();
    const made = await runSuite(suite, {
      ...{ folder, records, signal, processes: flags.processes, solo: flags.solo },
      onPrepare: (message) => console.error(message),
      onCount: (done, known) => board.count(done, known),
      onProgress: (experiment, progress) => board.progress(experiment, progress),
      onEnd(experiment, end) {
        board.end(experiment, end);
        if (end.status === "failed") process.exitCode = 1;
      },
    }).finally(() => board.stop());
    if (signal.aborted) process.exitCode = 130;
    return made;
  });
  const recordOf = (hash: string) => records.get(hash);
  const work = workOf(runs, recordOf);
  // After Ctrl-C nothing takes half a minute.
  const isTimed = flags.solo !== true && process.exitCode !== 130 && work.length > 0;
  if (isTimed) console.error("timing the steps alone");
  const times = isTimed ? stepTimes(runs[0].grid[0], work, records.folder) : flags.solo ? null : {};
  const comparison = compareSuite(suite, runs, recordOf, times);
  const files = await writeSuiteReport(folder, comparison);
  for (const warning of comparison.warnings) console.log(warning);
  const { columns, rows } = suiteTable(comparison);
  const table = new Table({ head: ["recipe", ...columns.map(({ head }) => head)], style: { head: [], border: [] } });
  for (const { label, cells } of rows) table.push([label, ...cells]);
  console.log(table.toString());
  console.log(`report: ${files.report}   numbers: ${files.comparison}   tables in Markdown: ${files.markdown}`);
  if (process.exitCode === 130) console.log("interrupted: the same command continues");
}

function suiteOf({ suite: name, seeds }: SuiteFlags): Suite {
  const suite = SUITES[name];
  if (suite === undefined) throw new Error(`there is no suite "${name}"; there are ${Object.keys(SUITES).join(", ")}`);
  return seeds === undefined ? suite : { ...suite, seeds };
}
