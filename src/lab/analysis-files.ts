/** Writes an analysis as numbers and a picture. */

import { join } from "node:path";
import { writeWhole } from "../io/files.ts";
import type { Analysis } from "../report/model-statistics.ts";

export async function writeAnalysis(
  folder: string,
  name: string,
  analysis: Analysis,
): Promise<{ numbers: string; picture: string }> {
  // The drawing libraries are large; nothing else waits for them to load.
  const { drawDistributions } = await import("../report/plots/distribution-plot.ts");
  const { withBackground } = await import("../report/render-svg.ts");
  const files = { numbers: join(folder, `${name}.json`), picture: join(folder, `${name}.svg`) };
  writeWhole(files.numbers, `${JSON.stringify(analysis, null, 1)}\n`);
  writeWhole(files.picture, withBackground(await drawDistributions(analysis.models)));
  return files;
}
