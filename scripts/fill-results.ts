/**
 * Fills docs/results.md from docs/records: what stands between `<!-- suite: name -->` and `<!-- end -->` becomes the tables of that
 * suite, and docs/figures/name.svg its picture. Run with `node scripts/fill-results.ts`.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Figure } from "../src/report/figures.ts";
import { transferMarkdown } from "../src/report/transfer-table.ts";
import { SUITES } from "../src/suites/named-suites.ts";
import { recordedRegime, recordedSuite } from "../src/suites/recorded-suites.ts";
import { Records } from "../src/suites/records.ts";
import { REGIME } from "../src/suites/regime.ts";
import { regimeMarkdown, suiteMarkdown } from "../src/suites/suite-report.ts";
import { TRANSFER } from "../src/suites/transfer.ts";
import { readTransfer, transferLabels } from "../src/suites/transfer-records.ts";

const docs = new URL("../docs/", import.meta.url);
export const RESULTS_FILE = fileURLToPath(new URL("results.md", docs));
/** Of the block, and of the folder in docs/records, that Table 4's analogue has. */
const TRANSFER_NAME = "transfer";
const BLOCK = /<!-- suite: (\S+) -->\n[\s\S]*?<!-- end -->/g;

/** The document with the tables of every suite that it names. @throws for a suite that does not exist. */
export function filled(document: string, records: Records): string {
  return document.replace(
    BLOCK,
    (_, name: string) => `<!-- suite: ${name} -->\n\n${tablesOf(name, records)}\n<!-- end -->`,
  );
}

export const recorded = () => new Records(fileURLToPath(new URL("records", docs)));

function tablesOf(name: string, records: Records): string {
  if (name === TRANSFER_NAME)
    return transferMarkdown(readTransfer(TRANSFER, join(records.folder, TRANSFER_NAME)), transferLabels(TRANSFER));
  if (name === REGIME.name) return regimeMarkdown(recordedRegime(REGIME, records));
  if (SUITES[name] === undefined) throw new Error(`docs/results.md names a suite that does not exist: ${name}`);
  return suiteMarkdown(recordedSuite(SUITES[name], records));
}

async function drawAll(names: readonly string[], records: Records): Promise<void> {
  const { drawSuiteFigures } = await import("../src/report/suite-report.ts");
  const { drawRegimeFigures } = await import("../src/report/regime-report.ts");
  const { withBackground } = await import("../src/report/render-svg.ts");
  for (const name of names.filter((each) => each !== TRANSFER_NAME)) {
    const figures: Figure[] =
      name === REGIME.name
        ? await drawRegimeFigures(recordedRegime(REGIME, records))
        : await drawSuiteFigures(recordedSuite(SUITES[name], records));
    for (const { svg } of figures) writeFileSync(new URL(`figures/${name}.svg`, docs), withBackground(svg));
  }
}

if (import.meta.main) {
  const records = recorded();
  const before = readFileSync(RESULTS_FILE, "utf8");
  writeFileSync(RESULTS_FILE, filled(before, records));
  await drawAll(
    [...before.matchAll(BLOCK)].map(([, name]) => name),
    records,
  );
}
