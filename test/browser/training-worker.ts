/** A worker of the page that trains, with threads of its own. */

import { type TrainingOptions, trainTenSteps } from "./training.ts";

globalThis.onmessage = async ({ data }: MessageEvent<{ library: string; options: TrainingOptions }>) => {
  try {
    postMessage({ outcome: await trainTenSteps(await import(data.library), data.options) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
