/** Writes what a suite or a regime showed: a report, its numbers, and its tables in Markdown. */

import { join } from "node:path";
import { writeWhole } from "../io/files.ts";
import { COMPARISON_FILE, FIGURES_FOLDER, REPORT_FILE } from "../lab/compare.ts";
import type { Figure } from "../report/figures.ts";
import type { RegimeComparison } from "../report/regime-comparison.ts";
import { regimeTable, regimeWarnings } from "../report/regime-table.ts";
import type { SuiteComparison } from "../report/suite-comparison.ts";
import {
  LEARNING_RATES_HEAD,
  learningRateTable,
  markdownTable,
  SEEDS_HEAD,
  seedTable,
  suiteTable,
} from "../report/suite-table.ts";

const MARKDOWN_FILE = "tables.md";

export interface SuiteFiles {
  report: string;
  comparison: string;
  markdown: string;
}

export async function writeSuiteReport(folder: string, comparison: SuiteComparison): Promise<SuiteFiles> {
  // The drawing libraries are large; nothing else waits for them to load.
  const { drawSuiteFigures, renderSuiteReport } = await import("../report/suite-report.ts");
  const figures = await drawSuiteFigures(comparison);
  return writeFiles(folder, {
    comparison,
    figures,
    page: renderSuiteReport(comparison, figures),
    markdown: `## ${comparison.title}\n\n${suiteMarkdown(comparison)}`,
  });
}

export async function writeRegimeReport(folder: string, comparison: RegimeComparison): Promise<SuiteFiles> {
  const { drawRegimeFigures, renderRegimeReport } = await import("../report/regime-report.ts");
  const figures = await drawRegimeFigures(comparison);
  return writeFiles(folder, {
    comparison,
    figures,
    page: renderRegimeReport(comparison, figures),
    markdown: `## ${comparison.title}\n\n${regimeMarkdown(comparison)}`,
  });
}

/** What was run, what is missing, and the tables, as Markdown. */
export function suiteMarkdown(comparison: SuiteComparison): string {
  const { setup, warnings, machines, stepTimesFrom } = comparison;
  const times = stepTimesFrom === null ? "" : ` Step times were measured on ${stepTimesFrom}.`;
  return paragraphs([
    `${setup}. Made on ${machines.join("; ")}.${times}`,
    ...warnings.map((warning) => `*${warning}*`),
    markdownTable(suiteTable(comparison)),
    `${SEEDS_HEAD}:`,
    markdownTable(seedTable(comparison)),
    `${LEARNING_RATES_HEAD}:`,
    markdownTable(learningRateTable(comparison)),
  ]);
}

export function regimeMarkdown(comparison: RegimeComparison): string {
  return paragraphs([
    `In the middle: ${comparison.setup}.`,
    ...regimeWarnings(comparison).map((warning) => `*${warning}*`),
    markdownTable(regimeTable(comparison)),
  ]);
}

const paragraphs = (parts: readonly string[]) => `${parts.join("\n\n")}\n`;

async function writeFiles(
  folder: string,
  content: { comparison: object; figures: readonly Figure[]; page: string; markdown: string },
): Promise<SuiteFiles> {
  const { withBackground } = await import("../report/render-svg.ts");
  const files = {
    report: join(folder, REPORT_FILE),
    comparison: join(folder, COMPARISON_FILE),
    markdown: join(folder, MARKDOWN_FILE),
  };
  writeWhole(files.report, content.page);
  writeWhole(files.comparison, `${JSON.stringify(content.comparison, null, 1)}\n`);
  for (const { id, svg } of content.figures) writeWhole(join(folder, FIGURES_FOLDER, `${id}.svg`), withBackground(svg));
  writeWhole(files.markdown, content.markdown);
  return files;
}
