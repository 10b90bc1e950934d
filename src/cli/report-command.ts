/** `apollo report`: the report of runs that exist. */

import { join } from "node:path";
import { Command } from "commander";
import { FIGURES_FOLDER, REPORT_FILE, writeReport } from "../lab/compare.ts";
import { comparisonTable } from "./comparison-table.ts";

export function reportCommand(): Command {
  return new Command("report")
    .description("write report.html for a folder of runs (or for one run), finished or not")
    .argument("<folder>", "the folder that compare or train wrote")
    .option("--title <text>", "title of the report")
    .option("--figures", `also write every picture as a file, into ${FIGURES_FOLDER}/`)
    .action(async (folder: string, flags: { title?: string; figures?: boolean }) => {
      const comparison = await writeReport(folder, flags);
      console.log(comparisonTable(comparison));
      console.log(`report: ${join(folder, REPORT_FILE)}`);
    });
}
