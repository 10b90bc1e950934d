/** Writes an analysis as numbers and a picture. */

import { join } from "node:path";
import { writeWhole } from "../io/files.ts";
import type { Analysis } from "../report/model-statistics.ts";
import type { PaperSchedules } from "../report/paper-schedules.ts";
import type { Svg } from "../report/render-svg.ts";
import type { StreamProfile } from "../report/stream-profile.ts";

export interface AnalysisFiles {
  numbers: string;
  picture: string;
}

// The drawing libraries are large; nothing else waits for them to load.

export async function writeAnalysis(folder: string, name: string, analysis: Analysis): Promise<AnalysisFiles> {
  const { drawDistributions } = await import("../report/plots/distribution-plot.ts");
  return write(folder, name, analysis, await drawDistributions(analysis.models));
}

export async function writePaperSchedules(folder: string, schedules: PaperSchedules): Promise<AnalysisFiles> {
  const { drawPaperSchedules } = await import("../report/plots/schedule-plot.ts");
  return write(folder, "schedules", schedules, await drawPaperSchedules(schedules));
}

export async function writeStreams(folder: string, profiles: readonly StreamProfile[]): Promise<AnalysisFiles> {
  const { drawStreams } = await import("../report/plots/stream-plot.ts");
  return write(folder, "streams", profiles, await drawStreams(profiles));
}

async function write(folder: string, name: string, numbers: object, picture: Svg): Promise<AnalysisFiles> {
  const { withBackground } = await import("../report/render-svg.ts");
  const files = { numbers: join(folder, `${name}.json`), picture: join(folder, `${name}.svg`) };
  writeWhole(files.numbers, `${JSON.stringify(numbers, null, 1)}\n`);
  writeWhole(files.picture, withBackground(picture));
  return files;
}
