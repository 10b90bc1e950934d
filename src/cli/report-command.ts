/** `apollo report`: the report of runs that exist. */

import { join } from "node:path";
import { Command } from "commander";
import { REPORT_FILE, writeReport } from "../lab/compare.ts";
import { comparisonTable } from "./comparison-table.ts";

export function reportCommand(): Command {
  return new Command("report")
    .description("write report.html for a folder of runs (or for one run), finished or not")
    .argument("<folder>", "the folder that compare or train wrote")
    .option("--title <text>", "title of the report")
    .action(async (folder: string, { title }: { title?: string }) => {
      console.log(comparisonTable(await writeReport(folder, { title })));
      console.log(`report: ${join(folder, REPORT_FILE)}`);
    });
}
