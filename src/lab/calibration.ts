/** How long steps take when the machine does nothing else: seconds of runs that shared it are made from these (methods D.1). */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { train } from "../apollo/algorithm.ts";
import { layerMap } from "../apollo/layer-map.ts";
import { planFromMap, type StepPlan } from "../apollo/step-plan.ts";
import { readJson, writeWhole } from "../io/files.ts";
import { AdamW } from "../optim/adamw.ts";
import { scratch } from "../recipes/scratch.ts";
import { median } from "../report/statistics.ts";
import { configureEngine, engineInfo } from "../tensor/engine.ts";
import type { Experiment } from "./experiment.ts";
import { describeRuntime } from "./run.ts";
import { prepareTask, trainingInputs } from "./task.ts";

/** Milliseconds of a step on one thread, by what it executes, as `workKey` calls it. */
export type StepTimes = Record<string, number>;

/** Rounds through all kinds of steps, of which the medians count; before them one that does not. */
const ROUNDS = 7;

/** What step times depend on. */
type Calibrated = Pick<Experiment, "model" | "data" | "training">;

/**
 * The times of all these kinds of steps on this machine, from the folder where they were measured before, else measured now
 * and kept there.
 * @throws when the corpus cannot be read.
 */
export function stepTimes(experiment: Experiment, keys: readonly string[], folder: string): StepTimes {
  const threads = engineInfo().threads;
  configureEngine({ threads: 1 });
  try {
    const path = join(folder, `step-times-${machineHash(experiment)}.json`);
    const known = existsSync(path) ? ((readJson(path) as { ms: StepTimes }).ms ?? {}) : {};
    const missing = keys.filter((key) => known[key] === undefined);
    if (missing.length === 0) return known;
    const ms = { ...known, ...measure(experiment, missing) };
    const { model, training } = experiment;
    const { batch, microBatches } = training;
    writeWhole(path, `${JSON.stringify({ ...describeRuntime(), model, batch, microBatches, ms }, null, 1)}\n`);
    return ms;
  } finally {
    configureEngine({ threads });
  }
}

function machineHash({ model, training: { batch, microBatches, gradientCheckpointing } }: Calibrated): string {
  const what = { ...describeRuntime(), model, batch, microBatches, gradientCheckpointing };
  return createHash("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 12);
}

function measure(experiment: Experiment, keys: readonly string[]): StepTimes {
  const { model, training } = experiment;
  const task = prepareTask(experiment);
  const plans = keys.map(planOf);
  const steps = (1 + ROUNDS) * keys.length;
  const records = train({
    model: task.model,
    method: {
      ...scratch({}, { steps, targetDepth: model.layers }),
      planStep: ({ step }) => plans[step % plans.length],
    },
    optimizer: new AdamW(task.model.parameters(), { weightDecay: training.weightDecay }),
    learningRate: () => 1e-4,
    ...trainingInputs(experiment, task),
  });
  const elapsed = keys.map((): number[] => []);
  for (const { step, elapsedMs } of records) if (step >= keys.length) elapsed[step % keys.length].push(elapsedMs);
  return Object.fromEntries(keys.map((key, index) => [key, median(elapsed[index])]));
}

/** A network of this depth from N weight sets, or through the lowest where it is less deep; its uppermost layers learn. */
export function planOf(key: string): StepPlan {
  const [uniqueLayers, meanDepth, trained] = key.split("/").map(Number);
  const depth = Math.round(meanDepth);
  const layers = [...new Array(Math.min(uniqueLayers, depth)).keys()];
  const plan = planFromMap(depth >= uniqueLayers ? layerMap("interp_floor", uniqueLayers, depth) : layers);
  return trained === undefined ? plan : { ...plan, trainable: layers.slice(-trained), freezesEmbeddings: true };
}

/** The training time at each evaluation, from the kinds of steps until then; null where a kind was not measured. */
export function calibratedElapsedMs(
  evaluations: readonly { work: Record<string, number> }[],
  times: StepTimes,
): number[] | null {
  let elapsedMs = 0;
  const all: number[] = [];
  for (const { work } of evaluations) {
    for (const [key, count] of Object.entries(work)) elapsedMs += count * (times[key] ?? Number.NaN);
    all.push(elapsedMs);
  }
  return all.some(Number.isNaN) ? null : all;
}
