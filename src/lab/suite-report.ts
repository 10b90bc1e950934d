/** Writes what a suite showed: a report, its numbers, and its tables in Markdown. */

import { join } from "node:path";
import { writeWhole } from "../io/files.ts";
import type { SuiteComparison } from "../report/suite-comparison.ts";
import { markdownTable, suiteTable } from "../report/suite-table.ts";
import { COMPARISON_FILE, FIGURES_FOLDER, REPORT_FILE } from "./compare.ts";

const MARKDOWN_FILE = "tables.md";

export async function writeSuiteReport(
  folder: string,
  comparison: SuiteComparison,
): Promise<{ report: string; comparison: string; markdown: string }> {
  // The drawing libraries are large; nothing else waits for them to load.
  const { drawSuiteFigures, learningRateTable, renderSuiteReport } = await import("../report/suite-report.ts");
  const { withBackground } = await import("../report/render-svg.ts");
  const figures = await drawSuiteFigures(comparison);
  const files = {
    report: join(folder, REPORT_FILE),
    comparison: join(folder, COMPARISON_FILE),
    markdown: join(folder, MARKDOWN_FILE),
  };
  writeWhole(files.report, renderSuiteReport(comparison, figures));
  writeWhole(files.comparison, `${JSON.stringify(comparison, null, 1)}\n`);
  for (const { id, svg } of figures) writeWhole(join(folder, FIGURES_FOLDER, `${id}.svg`), withBackground(svg));
  const { title, setup, warnings, machines } = comparison;
  writeWhole(
    files.markdown,
    `${[
      `## ${title}`,
      `${setup}. Made on ${machines.join("; ")}.`,
      ...warnings,
      markdownTable(suiteTable(comparison)),
      "End loss by learning rate, first seed:",
      markdownTable(learningRateTable(comparison)),
    ].join("\n\n")}\n`,
  );
  return files;
}
