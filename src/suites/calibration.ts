/** How long steps take when the machine does nothing else: seconds of runs that shared it are made from these (methods D.1). */

import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { train } from "../apollo/algorithm.ts";
import { layerMap } from "../apollo/layer-map.ts";
import { planFromMap, type StepPlan, straightMap } from "../apollo/step-plan.ts";
import { readJson, writeWhole } from "../io/files.ts";
import type { Experiment } from "../lab/experiment.ts";
import { describeRuntime } from "../lab/run-header.ts";
import { prepareTask, trainingOptions } from "../lab/task.ts";
import { scratch } from "../recipes/scratch.ts";
import type { RunRuntime } from "../report/run-log.ts";
import { median } from "../report/statistics.ts";
import { configureEngine, engineInfo } from "../tensor/engine.ts";
import { checked } from "./checked.ts";
import { runtimeSchema } from "./parse-record.ts";

/** How long steps take on one thread. */
export interface StepTimes {
  /** Milliseconds of a step by what it executes, as `workKey` calls it. */
  ms: Record<string, number>;
  /** Where they were measured. */
  runtime: RunRuntime;
}

/** What is to be timed. */
export interface WorkOfRuns {
  /** Every kind of step, as `workKey` calls it. */
  kinds: readonly string[];
  /** Where each of the runs was made. */
  runtimes: readonly RunRuntime[];
}

/** Of no step: calibrated seconds are then unknown. */
export const unmeasured = (): StepTimes => ({ ms: {}, runtime: describeRuntime() });

/** Rounds through all kinds of steps, of which the medians count; before them one that does not. */
const ROUNDS = 7;

/** What step times depend on. */
type Calibrated = Pick<Experiment, "model" | "data" | "training">;

const timesSchema = z.looseObject({
  model: z.looseObject({}),
  batch: z.number(),
  microBatches: z.number(),
  ms: z.record(z.string(), z.number()),
  ...runtimeSchema.shape,
});

/** @throws naming the file and what is wrong in it. */
const readTimes = (path: string) => checked(timesSchema, readJson(path), `${path} holds no step times`);

/**
 * The times of all these kinds of steps: those that were measured before, else measured now and kept in the folder.
 * @param onMeasure told before measuring.
 * @throws when the corpus cannot be read.
 */
export function stepTimes(experiment: Experiment, work: WorkOfRuns, folder: string, onMeasure?: () => void): StepTimes {
  const known = measuredStepTimes(experiment, work, folder);
  if (known !== null) return known;
  onMeasure?.();
  return onOneThread(() => {
    const { model, training } = experiment;
    const { batch, microBatches } = training;
    const path = pathOf(experiment, folder);
    const own = existsSync(path) ? readTimes(path).ms : {};
    const missing = work.kinds.filter((kind) => own[kind] === undefined);
    const ms = { ...own, ...measure(experiment, missing) };
    const runtime = describeRuntime();
    writeWhole(path, `${JSON.stringify({ ...runtime, model, batch, microBatches, ms }, null, 1)}\n`);
    return { ms, runtime };
  });
}

/**
 * From the folder of earlier measurements those of the machine that made most of the runs, or else of another, if they have every kind of
 * step; null where none have. This machine's do not come first: the same records give the same seconds everywhere.
 */
export function measuredStepTimes(
  experiment: Experiment,
  { kinds, runtimes }: WorkOfRuns,
  folder: string,
): StepTimes | null {
  if (!existsSync(folder)) return null;
  const { model, training } = experiment;
  const { batch, microBatches } = training;
  const files = readdirSync(folder)
    .filter((name) => name.startsWith(PREFIX))
    .sort()
    .map((name) => readTimes(join(folder, name)))
    .filter((file) => isDeepStrictEqual([file.model, file.batch, file.microBatches], [model, batch, microBatches]))
    .filter(({ ms }) => kinds.every((kind) => ms[kind] !== undefined))
    .map(({ ms, node, kernels, threads, cpu }): StepTimes => ({ ms, runtime: { node, kernels, threads, cpu } }));
  const runsOn = ({ runtime }: StepTimes) => runtimes.filter((other) => isDeepStrictEqual(other, runtime)).length;
  return files.sort((a, b) => runsOn(b) - runsOn(a)).at(0) ?? null;
}

const PREFIX = "step-times-";

function pathOf(experiment: Calibrated, folder: string): string {
  return join(folder, `${PREFIX}${machineHash(experiment)}.json`);
}

/** What a suite's runs are trained on. */
function onOneThread<Result>(work: () => Result): Result {
  const { threads } = engineInfo();
  configureEngine({ threads: 1 });
  try {
    return work();
  } finally {
    configureEngine({ threads });
  }
}

function machineHash({ model, training: { batch, microBatches, gradientCheckpointing } }: Calibrated): string {
  const what = { ...describeRuntime(), model, batch, microBatches, gradientCheckpointing };
  return createHash("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 12);
}

function measure(experiment: Experiment, keys: readonly string[]): StepTimes["ms"] {
  const task = prepareTask(experiment);
  const plans = keys.map(planOf);
  const steps = (1 + ROUNDS) * keys.length;
  const method = {
    ...scratch({}, { steps, targetDepth: experiment.model.layers }),
    planStep: ({ step }: { step: number }) => plans[step % plans.length],
  };
  const records = train({ ...trainingOptions(experiment, task, { method }), learningRate: () => 1e-4 });
  const elapsed = keys.map((): number[] => []);
  for (const { step, elapsedMs } of records) if (step >= keys.length) elapsed[step % keys.length].push(elapsedMs);
  return Object.fromEntries(keys.map((key, index) => [key, median(elapsed[index])]));
}

/** A network of this depth from N weight sets, or through the lowest where it is less deep; its uppermost layers learn. */
export function planOf(key: string): StepPlan {
  const [uniqueLayers, meanDepth, trained] = key.split("/").map(Number);
  const depth = Math.round(meanDepth);
  const layers = straightMap(Math.min(uniqueLayers, depth));
  const plan = planFromMap(depth > 0 && depth >= uniqueLayers ? layerMap("interp_floor", uniqueLayers, depth) : layers);
  return trained === undefined ? plan : { ...plan, trainable: layers.slice(-trained), freezesEmbeddings: true };
}

/** The training time at each evaluation, from the kinds of steps until then; null where a kind was not measured. */
export function calibratedElapsedMs(
  evaluations: readonly { work: Record<string, number> }[],
  times: StepTimes["ms"],
): number[] | null {
  let elapsedMs = 0;
  const all: number[] = [];
  for (const { work } of evaluations) {
    for (const [key, count] of Object.entries(work)) elapsedMs += count * (times[key] ?? Number.NaN);
    all.push(elapsedMs);
  }
  return all.some(Number.isNaN) ? null : all;
}
