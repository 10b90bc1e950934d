/** Runs an experiment, given as JSON, into a folder and prints what it took of the engine's memory, evaluations included. */

import { join } from "node:path";
import { parseExperiment } from "../../src/lab/experiment.ts";
import { run } from "../../src/lab/run.ts";
import { readRun } from "../../src/report/run-files.ts";
import { memory } from "../../src/tensor/memory.ts";

const [text, folder] = process.argv.slice(2);
await run(parseExperiment(JSON.parse(text)), { folder, cacheFolder: join(folder, "cache") });
const { peakBytes, reservedBytes } = memory;
console.log(JSON.stringify({ evaluations: readRun(folder).evaluations.length, peakBytes, reservedBytes }));
