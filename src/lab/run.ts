/** Runs an experiment into a folder: its log, its evaluations, its weights, and a checkpoint to continue from. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { DivergenceError, train } from "../apollo/algorithm.ts";
import { checkWritable, writeWhole } from "../io/files.ts";
import { encodeSafetensors } from "../io/safetensors.ts";
import { readRun, runFileNames } from "../report/run-files.ts";
import type { EvaluationRecord, RunHeader, StepRecord } from "../report/run-log.ts";
import { beginFromModel, checkBeginsFrom } from "./begin-from-model.ts";
import { evaluate, evaluationSteps } from "./evaluation.ts";
import {
  type Experiment,
  experimentHash,
  methodOf,
  readExperiment,
  smallExperimentOf,
  smallRunOf,
} from "./experiment.ts";
import { beginFromSmall, readSmallRun } from "./first-weights.ts";
import { refuseTooLarge } from "./memory-estimate.ts";
import { checkHoldsNoModel } from "./model-folder.ts";
import { readModelTokenizer } from "./model-tokenizer.ts";
import { failureOf } from "./naming.ts";
import { openModel } from "./open-model.ts";
import { restoreRun, saveCheckpoint } from "./run-checkpoint.ts";
import { CHECKPOINT_FILE, SMALL_MODEL_FOLDER, TOKENIZER_FILE, WEIGHTS_FILE } from "./run-folder.ts";
import { describeRun, describeStages, differenceOfKernels, readHeader } from "./run-header.ts";
import { RunLogWriter } from "./run-log-writer.ts";
import { firstCrossing, smooth } from "./saving.ts";
import { optimizerOf, prepareTask, type Task, trainingOptions } from "./task.ts";

/** What a running experiment tells whoever watches. */
export interface Progress {
  step: number;
  steps: number;
  record: StepRecord;
  evaluation?: EvaluationRecord;
}

export interface RunOptions {
  folder: string;
  /** Continues a run that was cut off; a finished one is left as it is. */
  resume?: boolean;
  onProgress?: (progress: Progress) => void;
  /** Of the small model, where one is trained first. */
  onSmallProgress?: (small: Experiment, progress: Progress) => void;
  /** Told while the corpus is read and tokenised, and when a run goes on where its weights will differ. */
  onPrepare?: (message: string) => void;
  /** Told once, when all is prepared and training begins: from here on `signal` is heard. */
  onBegin?: () => void;
  /** Ends the run after the present update, with a checkpoint. */
  signal?: AbortSignal;
  /** Ends the run, with a checkpoint, at the first evaluation whose smoothed loss (methods D.1) has come down to this. */
  untilLoss?: number;
  /** Where tokenised corpora are kept. */
  cacheFolder?: string;
  /** Where the small model of a recipe that needs one is, or is to be, trained; a folder in the run's own when absent. */
  smallModelFolder?: string;
  /** Also writes the release's log of depths and maps (methods A.11). */
  apolloInfo?: boolean;
}

/** How often a run lets timers and signals through, in milliseconds. */
const BREATH_MS = 50;
/** Updates between checkpoints of a run that nobody interrupts, as a share of the run. */
const CHECKPOINTS = 10;

/**
 * Runs an experiment from its beginning, or with `resume` from where it was cut off, to bitwise the same weights (unless the
 * engine now serves with other kernels, which `onPrepare` is told).
 * @returns the final status; an interrupted run can be resumed.
 * @throws as {@link checkRun}; when the corpus cannot be read; when training diverges, be it the run's own, its small model's or its
 *   growth operator's (the reason says which, and the folder too).
 */
export async function run(experiment: Experiment, options: RunOptions): Promise<RunHeader> {
  const { folder, signal, onPrepare } = options;
  const before = checkRun(experiment, options);
  if (before?.status === "finished" || (before?.status === "interrupted" && hasReached(options))) return before!;
  const task = prepareRun(experiment, options);
  let method = methodOf(experiment, before?.smallModel);
  const optimizer = optimizerOf(experiment, task);
  const startStep = before === null ? 0 : restoreRun(experiment, { task, method, optimizer }, folder);
  let header = describeRun(experiment, method, task, startStep > 0 ? before : null);
  const difference = differenceOfKernels(header);
  if (difference !== null) onPrepare?.(difference);
  options.onBegin?.();
  const writeSetup = () => {
    writeWhole(join(folder, runFileNames.experiment), `${JSON.stringify(experiment, null, 2)}\n`);
    writeWhole(join(folder, TOKENIZER_FILE), task.tokenizerJson);
  };
  const setStatus = (status: RunHeader["status"], reason?: string): RunHeader => {
    const told = { ...header, status, ...(reason !== undefined && { reason }) };
    writeWhole(join(folder, runFileNames.header), `${JSON.stringify(told, null, 2)}\n`);
    return told;
  };
  if (method.firstWeights !== undefined && startStep === 0) {
    try {
      const small = await smallModelFolder(experiment, options);
      if (small === null)
        return { ...header, status: "interrupted", reason: "stopped while the small model was trained" };
      header = { ...header, ...beginFromSmall(experiment, { task, optimizer, folder: small }) };
    } catch (error) {
      // What is refused leaves nothing; what diverged would do so again, and is kept as a run that failed.
      if (error instanceof DivergenceError) {
        writeSetup();
        setStatus("failed", error.message);
      }
      throw error;
    }
    method = methodOf(experiment, header.smallModel);
    header.stages = describeStages(method);
  }
  writeSetup();

  const log = new RunLogWriter(folder, experiment, header.preparation);
  log.keepUntil(startStep);
  setStatus("running");
  const save = (step: number) => saveCheckpoint(experiment, { task, method, optimizer }, { folder, step });
  const evaluateAt = (step: number) => log.evaluation(step, evaluate(task, method, step));

  const { steps } = experiment.training;
  const evaluateAfter = evaluationSteps(steps, experiment.evaluations);
  const checkpointEvery = Math.max(1, Math.ceil(steps / CHECKPOINTS));
  let breathed = performance.now();
  try {
    const training = train({ ...trainingOptions(experiment, task, { method, optimizer }), startStep });
    if (startStep === 0) evaluateAt(0);
    for (const trained of training) {
      const done = trained.step + 1;
      const record = log.step(trained);
      if (options.apolloInfo) log.apolloInfo(trained, method);
      const evaluation = evaluateAfter.has(done) ? evaluateAt(done) : undefined;
      options.onProgress?.({ step: done, steps, record, evaluation });
      if (performance.now() - breathed > BREATH_MS) {
        await setImmediate();
        breathed = performance.now();
      }
      const isEnough = evaluation !== undefined && hasReached(options);
      if ((signal?.aborted || isEnough) && done < steps) {
        save(done);
        const why = isEnough ? `came down to a validation loss of ${options.untilLoss}` : "stopped";
        return setStatus("interrupted", `${why} after ${done} of ${steps} steps`);
      }
      if (done % checkpointEvery === 0 && done < steps) save(done);
    }
  } catch (error) {
    setStatus("failed", (error as Error).message);
    throw error;
  }
  save(steps);
  writeWhole(
    join(folder, WEIGHTS_FILE),
    encodeSafetensors({ tensors: task.model.stateDict(), metadata: { experiment: experiment.name } }),
  );
  return setStatus("finished");
}

/** Whether the run in a folder has come down to the loss that was to be reached. */
function hasReached({ folder, untilLoss }: RunOptions): boolean {
  return untilLoss !== undefined && firstCrossing(smooth(readRun(folder).evaluations), untilLoss) !== null;
}

/**
 * What stands in the folder of a run, null where nothing does.
 * @throws when the model cannot fit into memory, or the folder cannot be written, or holds another experiment, damaged
 *   files, or an unfinished run without `resume`; when the run that the small model is taken from, or the model that the run
 *   begins from, does not fit.
 */
export function checkRun(experiment: Experiment, { folder, resume }: RunOptions): RunHeader | null {
  refuseTooLarge(experiment);
  checkHoldsNoModel(folder);
  const present = readHeader(folder);
  if (present !== null) refuseOther(experiment, folder);
  if (present?.status === "finished") return present;
  if (present !== null && !resume)
    throw new Error(`${folder} holds an unfinished run; continue it with --resume, or choose another folder`);
  const smallRun = smallRunNeeded(experiment, folder);
  if (smallRun !== undefined) readSmallRun(experiment, smallRun);
  const from = modelNeeded(experiment, folder);
  if (from !== undefined) checkBeginsFrom(experiment, from);
  checkWritable(folder);
  return present;
}

/** The experiment's task, with the weights of the model that it begins from, unless it goes on from a checkpoint. */
function prepareRun(experiment: Experiment, { folder, cacheFolder, onPrepare: onProgress }: RunOptions): Task {
  const shared = { cacheFolder, onProgress };
  if (experiment.from === undefined) return prepareTask(experiment, shared);
  const from = modelNeeded(experiment, folder);
  if (from === undefined) return prepareTask(experiment, { ...shared, tokenizer: readModelTokenizer(folder) });
  onProgress?.(`reading ${from}`);
  const opened = openModel(from);
  const task = prepareTask(experiment, { ...shared, tokenizer: opened.tokenizer });
  beginFromModel(task.model, opened, from);
  return task;
}

/** The folder of the model whose weights are still to be taken; undefined where there is none, or the run goes on. */
function modelNeeded({ from }: Experiment, folder: string): string | undefined {
  return existsSync(join(folder, CHECKPOINT_FILE)) ? undefined : from;
}

/** The finished run that an experiment's small model is still to be taken from; undefined where none is, or the run goes on. */
export function smallRunNeeded(experiment: Experiment, folder: string): string | undefined {
  return existsSync(join(folder, CHECKPOINT_FILE)) ? undefined : smallRunOf(experiment);
}

/**
 * The folder of the finished small model that an experiment begins from, trained now if it is not there; null when stopped.
 * @throws saying that it was the small model that failed.
 */
async function smallModelFolder(experiment: Experiment, options: RunOptions): Promise<string | null> {
  const { folder, cacheFolder, signal, onPrepare, onSmallProgress, smallModelFolder: given } = options;
  const small = smallExperimentOf(experiment);
  if (small === null) return smallRunOf(experiment)!;
  const place = given ?? join(folder, SMALL_MODEL_FOLDER);
  if (!existsSync(join(place, WEIGHTS_FILE)))
    onPrepare?.(`training the small model: ${small.model.layers} layers of ${small.model.hidden}`);
  try {
    const { status } = await run(small, {
      ...{ folder: place, resume: true, cacheFolder, signal, onPrepare },
      onProgress: (progress) => onSmallProgress?.(small, progress),
    });
    return status === "finished" ? place : null;
  } catch (error) {
    throw failureOf("the small model", error);
  }
}

function refuseOther(experiment: Experiment, folder: string): void {
  const present = readExperiment(join(folder, runFileNames.experiment));
  if (experimentHash(present) !== experimentHash(experiment)) {
    throw new Error(
      `${folder} holds another experiment ("${present.name}", seed ${present.seed}); choose another folder`,
    );
  }
}
