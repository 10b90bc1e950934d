/** Runs an experiment into a folder: its log, its evaluations, its weights, and a checkpoint to continue from. */

import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type StepRecord as TrainingRecord, train } from "../apollo/algorithm.ts";
import { apolloInfoRecord } from "../apollo/apollo-info.ts";
import { withGrowthMasks } from "../apollo/growth/growth-masks.ts";
import type { DescribedMethod, Method } from "../apollo/method.ts";
import { stageAt } from "../apollo/schedule.ts";
import { sharedPath } from "../apollo/shared-layers.ts";
import { straightPlan } from "../apollo/step-plan.ts";
import { makeCheckpoint, restoreCheckpoint } from "../io/checkpoint.ts";
import { checkWritable, readWhole, writeWhole } from "../io/files.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "../io/safetensors.ts";
import type { AdamW } from "../optim/adamw.ts";
import { appendRecord, keepRecords, readRun, runFileNames } from "../report/run-files.ts";
import {
  type EvaluationRecord,
  parseHeader,
  type RunCosts,
  type RunHeader,
  type RunRuntime,
  type RunStage,
  type StepRecord,
} from "../report/run-log.ts";
import { engineInfo } from "../tensor/engine.ts";
import {
  type Experiment,
  experimentHash,
  layerMapOf,
  methodOf,
  readExperiment,
  smallExperimentOf,
} from "./experiment.ts";
import { beginFromSmall } from "./first-weights.ts";
import { refuseTooLarge } from "./memory-estimate.ts";
import { codeRevision } from "./revision.ts";
import { CHECKPOINT_FILE, INFO_FILE, SMALL_MODEL_FOLDER, TOKENIZER_FILE, WEIGHTS_FILE } from "./run-folder.ts";
import type { SmallModelOptions } from "./small-model.ts";
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
  /** Told while the corpus is read and tokenised, and when a run goes on where its weights will differ. */
  onPrepare?: (message: string) => void;
  /** Told once, when all is prepared and training begins: from here on `signal` is heard. */
  onBegin?: () => void;
  /** Ends the run after the present update, with a checkpoint. */
  signal?: AbortSignal;
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
 * @throws when the folder cannot be written, or holds another experiment, damaged files, or an unfinished run and `resume`
 *   is not set, and when training fails (the folder then says so).
 */
export async function run(experiment: Experiment, options: RunOptions): Promise<RunHeader> {
  const { folder, signal, onPrepare } = options;
  const before = checkRun(experiment, options);
  if (before?.status === "finished") return before;
  const task = prepareTask(experiment, { cacheFolder: options.cacheFolder, onProgress: onPrepare });
  let method = methodOf(experiment, before?.smallModel);
  const optimizer = optimizerOf(experiment, task);
  const startStep = before === null ? 0 : restore(experiment, options, { task, method, optimizer });
  let header = describeRun(experiment, method, task, startStep > 0 ? before : null);
  const difference = differenceOfKernels(header);
  if (difference !== null) onPrepare?.(difference);
  options.onBegin?.();
  if (method.firstWeights !== undefined && startStep === 0) {
    const small = await smallModelFolder(experiment, options);
    if (small === null)
      return { ...header, status: "interrupted", reason: "stopped while the small model was trained" };
    header = { ...header, ...beginFromSmall(experiment, { task, optimizer, folder: small }) };
    method = methodOf(experiment, header.smallModel);
    header.stages = describeStages(method);
  }
  writeWhole(join(folder, runFileNames.experiment), `${JSON.stringify(experiment, null, 2)}\n`);
  writeWhole(join(folder, TOKENIZER_FILE), task.tokenizerJson);
  const setStatus = (status: RunHeader["status"], reason?: string): RunHeader => {
    const told = { ...header, status, ...(reason !== undefined && { reason }) };
    writeWhole(join(folder, runFileNames.header), `${JSON.stringify(told, null, 2)}\n`);
    return told;
  };

  const log = new RunLogWriter(folder, experiment, header.preparation);
  log.keepUntil(startStep);
  setStatus("running");
  const save = (step: number) => {
    const checkpoint = makeCheckpoint(task.model.namedParameters(), optimizer, {
      step: `${step}`,
      experiment: experimentHash(experiment),
      ...(method.gradientRule && { gradientRule: method.gradientRule.save() }),
    });
    writeWhole(join(folder, CHECKPOINT_FILE), encodeSafetensors(checkpoint));
  };

  const { steps } = experiment.training;
  const evaluateAfter = evaluationSteps(steps, experiment.evaluations);
  const checkpointEvery = Math.max(1, Math.ceil(steps / CHECKPOINTS));
  let breathed = performance.now();
  try {
    const training = train({ ...trainingOptions(experiment, task, { method, optimizer }), startStep });
    if (startStep === 0) log.evaluation(evaluate(task, method, 0, log));
    for (const trained of training) {
      const done = trained.step + 1;
      const record = log.step(trained);
      if (options.apolloInfo) log.apolloInfo(trained, method);
      let evaluation: EvaluationRecord | undefined;
      if (evaluateAfter.has(done)) log.evaluation((evaluation = evaluate(task, method, done, log)));
      options.onProgress?.({ step: done, steps, record, evaluation });
      if (performance.now() - breathed > BREATH_MS) {
        await setImmediate();
        breathed = performance.now();
      }
      if (signal?.aborted && done < steps) {
        save(done);
        return setStatus("interrupted", `stopped after ${done} of ${steps} steps`);
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

/**
 * What stands in the folder of a run, null where nothing does.
 * @throws when the model cannot fit into memory, or the folder cannot be written, or holds another experiment, damaged
 *   files, or an unfinished run without `resume`.
 */
export function checkRun(experiment: Experiment, { folder, resume }: RunOptions): RunHeader | null {
  refuseTooLarge(experiment);
  const present = readHeader(folder);
  if (present !== null) refuseOther(experiment, folder);
  if (present?.status === "finished") return present;
  if (present !== null && !resume)
    throw new Error(`${folder} holds an unfinished run; continue it with --resume, or choose another folder`);
  checkWritable(folder);
  return present;
}

/** The folder of the finished small model that an experiment begins from, trained now if it is not there; null when stopped. */
async function smallModelFolder(experiment: Experiment, options: RunOptions): Promise<string | null> {
  const { folder, cacheFolder, signal, onPrepare, smallModelFolder: given } = options;
  const small = smallExperimentOf(experiment);
  if (small === null) return (experiment.recipe as { small: SmallModelOptions }).small.run!;
  const place = given ?? join(folder, SMALL_MODEL_FOLDER);
  onPrepare?.(`training the small model: ${small.model.layers} layers of ${small.model.hidden}`);
  const { status } = await run(small, { folder: place, resume: true, ...{ cacheFolder, signal, onPrepare } });
  return status === "finished" ? place : null;
}

/** The steps after which is evaluated: `count` of them, evenly spread, the last at the end. */
export function evaluationSteps(steps: number, count: number): Set<number> {
  const all = Math.min(steps, count);
  return new Set(Array.from({ length: all }, (_, index) => Math.round(((index + 1) * steps) / all)));
}

/** Losses at full depth and, where layers are shared, at depth N. */
function evaluate(task: Task, method: Method, step: number, log: RunLogWriter): EvaluationRecord {
  const { blocks } = task.model;
  // Right after a stage's last update the model has not grown yet.
  const { uniqueLayers } = stageAt(method.stages, Math.max(0, step - 1));
  const plan = method.planFullDepth(uniqueLayers, step);
  const loss = withGrowthMasks(task.model, plan.growthMasks, () => task.evaluate(sharedPath(blocks, plan)));
  const lossAtUniqueDepth =
    uniqueLayers === blocks.length ? loss : task.evaluate(sharedPath(blocks, straightPlan(uniqueLayers)));
  return { step, loss, lossAtUniqueDepth, ...log.totals };
}

/** Writes the run's two logs and keeps the totals that evaluations are booked at. */
class RunLogWriter {
  readonly totals: RunCosts;
  readonly #steps: string;
  readonly #evaluations: string;
  readonly #info: string;
  readonly #experiment: Experiment;

  /** @param preparation what was spent before the first step. */
  constructor(folder: string, experiment: Experiment, preparation?: RunCosts) {
    this.totals = { modelFlops: 0, layerFlops: 0, elapsedMs: 0, tokens: 0, ...preparation };
    this.#experiment = experiment;
    this.#steps = join(folder, runFileNames.steps);
    this.#evaluations = join(folder, runFileNames.evaluations);
    this.#info = join(folder, INFO_FILE);
  }

  /** Drops what lies after a checkpoint, and adds up what lies before. */
  keepUntil(startStep: number): void {
    keepRecords(this.#steps, (record) => {
      if ((record.step as number) >= startStep) return false;
      this.#add(record as unknown as StepRecord);
      return true;
    });
    keepRecords(this.#evaluations, (record) => startStep > 0 && (record.step as number) <= startStep);
    keepRecords(this.#info, (record) => (record.curr_global_step as number) < startStep);
  }

  step({ plans: _, ...record }: TrainingRecord): StepRecord {
    this.#add(record);
    appendRecord(this.#steps, record);
    return record;
  }

  evaluation(record: EvaluationRecord): void {
    appendRecord(this.#evaluations, record);
  }

  /** One line per micro-batch in the release's schema (methods A.11). */
  apolloInfo({ step, plans }: TrainingRecord, { stages }: Method): void {
    const map = layerMapOf(this.#experiment);
    plans.forEach(({ positions }, microBatch) => {
      const layers = positions.map(({ weight }) => weight);
      appendRecord(this.#info, {
        ...apolloInfoRecord({ step, microBatch, microBatches: plans.length, stages, map, layers }),
      });
    });
  }

  #add(record: StepRecord): void {
    const { totals } = this;
    for (const name of Object.keys(totals) as (keyof RunCosts)[]) totals[name] += record[name];
  }
}

/** What a run tells of itself; null where there is none. @throws naming the file, when it is damaged. */
export function readHeader(folder: string): RunHeader | null {
  const path = join(folder, runFileNames.header);
  return existsSync(path) ? parseHeader(new TextDecoder().decode(readWhole(path)), path) : null;
}

function refuseOther(experiment: Experiment, folder: string): void {
  const present = readExperiment(join(folder, runFileNames.experiment));
  if (experimentHash(present) !== experimentHash(experiment)) {
    throw new Error(
      `${folder} holds another experiment ("${present.name}", seed ${present.seed}); choose another folder`,
    );
  }
}

/**
 * Puts model, optimizer and what the method remembers back to the last checkpoint.
 * @returns the updates done by then; 0 without one.
 * @throws before anything is changed, naming the file, when it is damaged or of another experiment.
 */
function restore(
  experiment: Experiment,
  { folder }: Pick<RunOptions, "folder">,
  { task, method, optimizer }: { task: Task; method: Method; optimizer: AdamW },
): number {
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

/** @param before the run that this one continues. */
function describeRun(experiment: Experiment, method: DescribedMethod, task: Task, before: RunHeader | null): RunHeader {
  const { model, training, seed, name } = experiment;
  const { family, layers, hidden, heads, context } = model;
  return {
    schema: 1,
    name,
    recipe: method.name,
    model: {
      family,
      layers,
      hidden,
      heads,
      context,
      vocabulary: task.vocabularySize,
      parameters: task.model.parameterCount(),
    },
    steps: training.steps,
    batch: training.batch * training.microBatches,
    seed,
    trainTokens: task.trainTokens,
    unigramLoss: task.unigramLoss,
    stages: describeStages(method),
    ...(before?.smallModel && { smallModel: before.smallModel }),
    ...(before?.preparation && { preparation: before.preparation }),
    ...runtimes(before),
    revisions: [...new Set([...(before?.revisions ?? []), codeRevision()])],
    status: "running",
  };
}

/** Where the run began, and where else it went on, this time included. */
function runtimes(before: RunHeader | null): Pick<RunHeader, "runtime" | "continuedOn"> {
  const now = describeRuntime();
  if (before === null) return { runtime: now };
  const { runtime, continuedOn = [] } = before;
  const isNew = JSON.stringify(continuedOn.at(-1) ?? runtime) !== JSON.stringify(now);
  const later = isNew ? [...continuedOn, now] : continuedOn;
  return { runtime, ...(later.length > 0 && { continuedOn: later }) };
}

export function describeRuntime(): RunRuntime {
  const { kernels, variant, threads } = engineInfo();
  return {
    node: process.version,
    kernels: variant === null ? kernels : `${kernels} ${variant}`,
    threads,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
  };
}

/** One sentence when a run went on with kernels that round otherwise than those it began with, else null. */
function differenceOfKernels({ runtime, continuedOn = [] }: RunHeader): string | null {
  // Both fuse multiplication and addition, and give the same bits; so do any numbers of threads.
  const rounding = (kernels: string) => kernels.replace("relaxed", "wide");
  const other = continuedOn.find(({ kernels }) => rounding(kernels) !== rounding(runtime.kernels));
  if (other === undefined) return null;
  return `this run began with ${runtime.kernels} kernels and went on with ${other.kernels}: the weights will not be bitwise those of an uninterrupted run`;
}

/** The stages with their samplers and maps, as a report draws them. */
function describeStages(method: DescribedMethod): RunStage[] {
  return method.stages.map((stage, index) => {
    const { uniqueLayers } = stage;
    const depths = method.depths(stage);
    const maps = depths.map(({ depth }) => [depth, method.layersAt(uniqueLayers, depth)] as const);
    return {
      ...stage,
      depths,
      growMap: index === 0 ? null : method.growthMap(method.stages[index - 1].uniqueLayers, uniqueLayers),
      layerMaps: Object.fromEntries(maps.filter(([, layers]) => layers !== null)) as RunStage["layerMaps"],
    };
  });
}
