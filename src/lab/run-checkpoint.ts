/** What a run is continued from: weights, the optimizer's state, what the method remembers, and a number of updates. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Method } from "../apollo/method.ts";
import { makeCheckpoint, restoreCheckpoint } from "../io/checkpoint.ts";
import { readWhole, writeWhole } from "../io/files.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "../io/safetensors.ts";
import type { AdamW } from "../optim/adamw.ts";
import { readRun, runFileNames } from "../report/run-files.ts";
import { evaluationSteps } from "./evaluation.ts";
import { type Experiment, experimentHash } from "./experiment.ts";
import { CHECKPOINT_FILE } from "./run-folder.ts";
import type { Task } from "./task.ts";

/** What changes while a run trains. */
interface Trained {
  task: Task;
  method: Method;
  optimizer: AdamW;
}

/** What a run needs to go on after this many updates. */
export function saveCheckpoint(
  experiment: Experiment,
  { task, method, optimizer }: Trained,
  { folder, step }: { folder: string; step: number },
): void {
  const checkpoint = makeCheckpoint(task.model.namedParameters(), optimizer, {
    step: `${step}`,
    experiment: experimentHash(experiment),
    ...(method.gradientRule && { gradientRule: method.gradientRule.save() }),
  });
  writeWhole(join(folder, CHECKPOINT_FILE), encodeSafetensors(checkpoint));
}

/**
 * Puts model, optimizer and what the method remembers back to the last checkpoint.
 * @returns the updates done by then; 0 without one.
 * @throws before anything is changed, naming the file, when it is damaged or of another experiment.
 */
export function restoreRun(experiment: Experiment, { task, method, optimizer }: Trained, folder: string): number {
  const path = join(folder, CHECKPOINT_FILE);
  if (!existsSync(path)) return 0;
  const checkpoint = decodeSafetensors(readWhole(path), path);
  const { experiment: hash } = checkpoint.metadata;
  if (hash !== experimentHash(experiment))
    throw new Error(`${path}: it belongs to the experiment ${hash}, not to ${experimentHash(experiment)}`);
  const step = checkpointStep(checkpoint, experiment, path);
  checkLogs(experiment, folder, step);
  restoreMemory(method, checkpoint, path);
  restoreCheckpoint(checkpoint, task.model.namedParameters(), optimizer, path);
  return step;
}

function restoreMemory({ gradientRule }: Method, { metadata }: SafetensorsFile, path: string): void {
  if (gradientRule === undefined) return;
  try {
    gradientRule.load(metadata.gradientRule ?? "");
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/** @throws naming the file, when the records up to a checkpoint are not all there: costs are added up from them. */
function checkLogs({ training, evaluations: count }: Experiment, folder: string, step: number): void {
  const { steps, evaluations } = readRun(folder);
  const kept = steps.filter((record) => record.step < step).length;
  if (kept !== step)
    throw new Error(`${join(folder, runFileNames.steps)} holds ${kept} of the ${step} steps before its checkpoint`);
  const expected = [0, ...[...evaluationSteps(training.steps, count)].filter((after) => after <= step)];
  const missing = expected.find((after) => !evaluations.some((record) => record.step === after));
  if (missing !== undefined)
    throw new Error(`${join(folder, runFileNames.evaluations)} lacks the evaluation after step ${missing}`);
}

/** The updates that a checkpoint was written after. @throws naming the file, when the run has no such step. */
export function checkpointStep({ metadata }: SafetensorsFile, { training }: Experiment, path: string): number {
  const step = Number(metadata.step);
  if (!(Number.isInteger(step) && step >= 1 && step <= training.steps))
    throw new Error(`${path}: its step must be a whole number from 1 to ${training.steps}, not ${metadata.step}`);
  return step;
}
