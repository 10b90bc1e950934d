/** Compares runs: runs what is missing, then computes savings as methods D.1 defines them. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { depthSampler } from "../apollo/depth-sampler.ts";
import { writeWhole } from "../io/files.ts";
import type { ComparedRun, Comparison, SamplerCurve } from "../report/comparison.ts";
import { readRun, runFileNames } from "../report/run-files.ts";
import { missingRecords, type RunLog } from "../report/run-log.ts";
import { meanDepths, withPreparation } from "../report/run-record.ts";
import { mean } from "../report/statistics.ts";
import { type Experiment, experimentHash, smallExperimentOf } from "./experiment.ts";
import { checkTokenizer } from "./first-weights.ts";
import { checkRun, type RunOptions, run, smallRunNeeded } from "./run.ts";
import { SMALL_MODELS_FOLDER } from "./run-folder.ts";
import {
  firstCrossing,
  lossesAtEqualCost,
  type SmoothedEvaluation,
  saving,
  smooth,
  trainingSaving,
  trainValidationGap,
} from "./saving.ts";
import { prepareCorpora, tokenizerJsonOf } from "./task.ts";

export const REPORT_FILE = "report.html";
export const COMPARISON_FILE = "comparison.json";
export const FIGURES_FOLDER = "figures";

export interface CompareOptions
  extends Omit<RunOptions, "folder" | "onProgress" | "onSmallProgress" | "smallModelFolder"> {
  /** Holds one folder per run, the small models that they begin from, and the report. */
  folder: string;
  /** Of the report; says what was compared when absent. */
  title?: string;
  /** Told of small models too. */
  onProgress?: NonNullable<RunOptions["onSmallProgress"]>;
  onFinished?: (experiment: Experiment, status: string) => void;
}

/**
 * Runs experiments one after another, each with the whole machine, and writes the report. Finished runs are kept as they
 * are; a run that fails, by itself or before its first step, is reported as failed and the rest goes on. A small model that several
 * begin from is trained once.
 * @throws before anything runs, when two experiments have one name, one does not fit its folder, the memory or the run that its
 *   small model is taken from, or a corpus cannot be read; the reason of the first, when all failed before they left anything.
 */
export async function compare(experiments: readonly Experiment[], options: CompareOptions): Promise<Comparison> {
  const { folder, title, onProgress, onFinished, ...shared } = options;
  const names = experiments.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`compare: two experiments are called "${twice}"`);
  const due = experiments.filter((experiment) => {
    const present = checkRun(experiment, { ...shared, folder: join(folder, experiment.name) });
    return present?.status !== "finished";
  });
  checkCorpora(due, options);
  const failures = new Map<string, string>();
  for (const experiment of experiments) {
    if (options.signal?.aborted) break;
    try {
      const header = await run(experiment, {
        ...shared,
        folder: join(folder, experiment.name),
        smallModelFolder: smallModelFolder(experiment, folder),
        onProgress: (progress) => onProgress?.(experiment, progress),
        onSmallProgress: onProgress,
      });
      onFinished?.(experiment, header.status);
    } catch (error) {
      failures.set(experiment.name, (error as Error).message);
      onFinished?.(experiment, `failed: ${(error as Error).message}`);
    }
  }
  const [reason] = failures.values();
  if (reason !== undefined && !names.some((name) => holdsRun(join(folder, name)))) throw new Error(reason);
  return writeReport(folder, { title, names, failures });
}

/** Tokenises what runs are to read. @throws when that fails, or a small model is from a run with another tokenizer. */
function checkCorpora(experiments: readonly Experiment[], { folder, cacheFolder, onPrepare }: CompareOptions): void {
  const corpora = prepareCorpora(experiments, { cacheFolder, onProgress: onPrepare });
  experiments.forEach((experiment, index) => {
    const small = smallRunNeeded(experiment, join(folder, experiment.name));
    if (small !== undefined) checkTokenizer(small, tokenizerJsonOf(corpora[index]));
  });
}

/** One for equal small models, whichever runs begin from them. */
function smallModelFolder(experiment: Experiment, folder: string): string | undefined {
  const small = smallExperimentOf(experiment);
  if (small === null) return undefined;
  return join(folder, SMALL_MODELS_FOLDER, `${small.name}-${experimentHash(small)}`);
}

/**
 * Reads the runs of a folder, computes the comparison, and writes `report.html` and `comparison.json` beside them; with
 * `figures` also every picture as an SVG file.
 * @throws when the folder holds no run.
 */
export async function writeReport(
  folder: string,
  options: {
    title?: string;
    names?: readonly string[];
    figures?: boolean;
    failures?: ReadonlyMap<string, string>;
  } = {},
): Promise<Comparison> {
  const present = options.names ?? runNames(folder);
  const logs = present
    .map((name) => join(folder, name))
    .filter(holdsRun)
    .map(readRun);
  if (logs.length === 0) throw new Error(`${folder} holds no runs to report on`);
  const compared = compareRuns(options.names === undefined ? targetFirst(logs) : logs, options.title);
  // A run that failed while it trained says so itself.
  const untold = [...(options.failures ?? [])].filter(
    ([name]) => !logs.some(({ header }) => header.name === name && header.status === "failed"),
  );
  const comparison = {
    ...compared,
    warnings: [...untold.map(([name, reason]) => `${name} failed: ${reason}`), ...compared.warnings],
  };
  // The drawing libraries are large; nothing else waits for them to load.
  const { drawFigures } = await import("../report/figures.ts");
  const { renderReport } = await import("../report/html-report.ts");
  const { withBackground } = await import("../report/render-svg.ts");
  const figures = await drawFigures(comparison);
  writeWhole(join(folder, REPORT_FILE), renderReport(comparison, figures));
  if (options.figures) {
    for (const { id, svg } of figures) writeWhole(join(folder, FIGURES_FOLDER, `${id}.svg`), withBackground(svg));
  }
  const numbers = comparison.runs.map(({ log, ...rest }) => ({
    name: log.header.name,
    status: log.header.status,
    ...rest,
  }));
  writeWhole(
    join(folder, COMPARISON_FILE),
    `${JSON.stringify({ ...comparison, samplers: undefined, runs: numbers }, null, 2)}\n`,
  );
  return comparison;
}

const holdsRun = (folder: string) => existsSync(join(folder, runFileNames.header));

/** The runs in a folder (or the folder itself, if it is a run), by name. */
function runNames(folder: string): string[] {
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  if (holdsRun(folder)) return ["."];
  return readdirSync(folder).sort();
}

const isScratch = ({ header }: RunLog) => header.recipe === "scratch";

function targetFirst(logs: readonly RunLog[]): RunLog[] {
  return [...logs.filter(isScratch), ...logs.filter((log) => !isScratch(log))];
}

/** "3 ways to train a 12-layer GPT" */
function titleOf(logs: readonly RunLog[]): string {
  const models = new Set(logs.map(({ header: { model } }) => `${model.layers}-layer ${model.family.toUpperCase()}`));
  const [first] = models;
  const article = /^(8|11-|18-)/.test(first) ? "an" : "a";
  const what = models.size === 1 ? `${article} ${first}` : "transformers";
  return logs.length === 1 ? `Training ${what}: ${logs[0].header.name}` : `${logs.length} ways to train ${what}`;
}

/** The numbers of a comparison, from the logs alone. The target is the end of the run whose recipe is "scratch". */
export function compareRuns(logs: readonly RunLog[], title: string = titleOf(logs)): Comparison {
  const scratch = logs.find((log) => isScratch(log) && log.header.status === "finished");
  const target = scratch === undefined ? null : { log: scratch, evaluations: smooth(scratch.evaluations) };
  const end = target?.evaluations.at(-1);
  return {
    title,
    target: end === undefined ? null : { loss: end.smoothed, run: scratch!.header.name },
    runs: logs.map((log) => comparedRun(log, target)),
    samplers: samplerCurves(),
    warnings: warningsOn(logs, end === undefined ? null : { log: scratch!, loss: end.smoothed }),
    notes: notesOn(logs, end !== undefined),
  };
}

function comparedRun(
  log: RunLog,
  target: { log: RunLog; evaluations: readonly SmoothedEvaluation[] } | null,
): ComparedRun {
  const evaluations = smooth(log.evaluations);
  const last = evaluations.at(-1);
  const end = target?.evaluations.at(-1);
  const crossing = end === undefined ? null : firstCrossing(evaluations, end.smoothed);
  const saved = (cost: "modelFlops" | "layerFlops" | "elapsedMs") =>
    end === undefined ? null : saving(crossing, end, cost);
  const atEqual = (cost: "modelFlops" | "elapsedMs") =>
    target === null ? null : lossesAtEqualCost(evaluations, target.evaluations, cost);
  return {
    log,
    savings: {
      flops: saved("modelFlops"),
      layerFlops: saved("layerFlops"),
      seconds: saved("elapsedMs"),
      trainingFlops: target === null ? null : trainingSaving(withPreparation(log.header, log.steps), target.log.steps),
    },
    crossing,
    atEqualFlops: atEqual("modelFlops"),
    atEqualSeconds: atEqual("elapsedMs"),
    endLoss: last?.smoothed ?? null,
    meanDepthPerStage: meanDepths(log),
    epochs: log.header.trainTokens === undefined ? 0 : (last?.tokens ?? 0) / log.header.trainTokens,
    trainValidationGap: trainValidationGap(last, lastTrained(log), log.header.model.layers),
  };
}

/** Share of the run, at its end, over which the training loss is averaged for the gap. */
const GAP_SHARE = 0.05;

function lastTrained({ header, steps }: RunLog): { loss: number | undefined; depths: number[] } {
  const tail = steps.slice(-Math.max(1, Math.round(header.steps * GAP_SHARE)));
  return {
    loss: tail.length === 0 ? undefined : mean(tail.map(({ loss }) => loss)),
    depths: tail.map(({ depth }) => depth),
  };
}

/** The range of the paper's Figures 2, 3 and 9. */
const FIGURE_RANGE = { N: 1, L: 6 };
const CURVE_POINTS = 101;

/** LVPS for the paper's four k, and the other samplers, on 1..6. */
function samplerCurves(): SamplerCurve[] {
  const { N, L } = FIGURE_RANGE;
  const shown = [
    ...[0, 1, 5, 10].map((k) => ({ title: `LVPS, k = ${k}`, sampler: depthSampler({ sampler: "lvps", k }) })),
    { title: "US", sampler: depthSampler({ sampler: "us" }) },
    { title: "ES, k = 10", sampler: depthSampler({ sampler: "es" }) },
    { title: "FS", sampler: depthSampler({ sampler: "fs" }) },
    { title: "without sampling", sampler: depthSampler({ sampler: "none" }) },
  ];
  return shown.map(({ title, sampler }) => ({
    title,
    density: Array.from({ length: CURVE_POINTS }, (_, index) => {
      const x = N + ((L - N) * index) / (CURVE_POINTS - 1);
      return { x, p: sampler.density?.(x, N, L) ?? Number.NaN };
    }).filter(({ p }) => Number.isFinite(p)),
    pmf: sampler.depths(N, L),
  }));
}

/** A loss less than this below the unigrams' says that little was learned but frequencies. */
export const LEAST_GAIN = 0.2;

function warningsOn(logs: readonly RunLog[], target: { log: RunLog; loss: number } | null): string[] {
  const warnings = logs.flatMap(missingRecords);
  const unigramLoss = target?.log.header.unigramLoss;
  if (unigramLoss !== undefined && target!.loss > unigramLoss - LEAST_GAIN)
    warnings.push(
      `These runs are too short to compare methods: the target, ${target!.loss.toFixed(3)}, is hardly better than guessing every token by ` +
        `its frequency, which costs ${unigramLoss.toFixed(3)} nats. What looks like a saving here is noise.`,
    );
  return warnings;
}

function notesOn(logs: readonly RunLog[], hasTarget: boolean): string[] {
  const notes = [
    "Losses are in nats per token on the same validation text for every run; the target is the smoothed validation loss at the end of Scratch (median of three evaluations). " +
      "Model FLOPs count a multiply-add as two and the head over the rows that it projects; evaluation time is left out of the seconds.",
  ];
  notes.push(
    "Seconds are the clock's: they hold as far as the machine did nothing else. Whether it did shows in the last picture, where equal " +
      "depths must take equal times in all runs.",
  );
  if (!hasTarget)
    notes.push(
      "No finished run of Scratch is among these, so there is no target and there are no savings: train one with the same data and seed into the same folder.",
    );
  if (new Set(logs.map(({ header }) => header.seed)).size === 1)
    notes.push("One seed: differences of a few hundredths of a nat are within what another seed would change.");
  return notes;
}
