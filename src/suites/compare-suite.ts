/** The numbers of a suite from its records: every recipe over its seeds, each against Scratch of the same seed (methods D.1). */

import { EVALUATION_TOKENS } from "../data/batch-options.ts";
import { LEAST_GAIN } from "../lab/compare.ts";
import { type Experiment, experimentHash } from "../lab/experiment.ts";
import {
  firstCrossing,
  lossesAtEqualCost,
  type SmoothedEvaluation,
  saving,
  smooth,
  trainingSaving,
  trainValidationGap,
} from "../lab/saving.ts";
import type { RegimeComparison } from "../report/regime-comparison.ts";
import type { RunRuntime } from "../report/run-log.ts";
import { type RunRecord, trainingStretches } from "../report/run-record.ts";
import type { SeedResult, SuiteComparison, SuiteRow, TriedRate } from "../report/suite-comparison.ts";
import { calibratedElapsedMs, type StepTimes, type WorkOfRuns } from "./calibration.ts";
import { endLossOf, type RecipeRuns, type Regime, type Suite } from "./suite.ts";

/** A record, and its evaluations as they are compared. */
interface Curve {
  record: RunRecord;
  evaluations: readonly SmoothedEvaluation[];
}

type Lookup = (hash: string) => RunRecord | undefined;

/** What has to be timed for the calibrated seconds of a suite's records. */
export function workOf(runs: readonly RecipeRuns[], recordOf: Lookup): WorkOfRuns {
  const records = runs
    .flatMap(({ seeds }) => seeds.map((experiment) => recordOf(experimentHash(experiment))))
    .filter((record) => record !== undefined);
  const kinds = records.flatMap(({ evaluations }) => evaluations.flatMap(({ work }) => Object.keys(work)));
  return { kinds: [...new Set(kinds)].sort(), runtimes: records.map(({ header }) => header.runtime) };
}

/**
 * @param times of the suite's steps measured alone; null where the clock of the runs is to be believed.
 * @param lost by hash, why a run left no record.
 */
export function compareSuite(
  suite: Suite,
  runs: readonly RecipeRuns[],
  recordOf: Lookup,
  times: StepTimes | null,
  lost: ReadonlyMap<string, string> = new Map(),
): SuiteComparison {
  const [target] = runs;
  const targets = new Map(
    target.seeds.flatMap((experiment): [number, Curve][] => {
      const record = recordOf(experimentHash(experiment));
      if (record?.header.status !== "finished") return [];
      return [[experiment.seed, { record, evaluations: evaluationsOf(record, times) }]];
    }),
  );
  const targetsByRate = new Map(
    target.grid.map((experiment) => [experiment.training.learningRate.peak, recordOf(experimentHash(experiment))]),
  );
  const rows = runs.map(({ label, grid, chosen, seeds }): SuiteRow => {
    const records = seeds.map((experiment) => recordOf(experimentHash(experiment)));
    const present = records.filter((record) => record !== undefined);
    return {
      label,
      grid: grid.map((experiment): TriedRate => {
        const record = recordOf(experimentHash(experiment));
        const { peak } = experiment.training.learningRate;
        return {
          learningRate: peak,
          endLoss: record === undefined ? null : endLossOf(record),
          saving: record && savingAtSameRate(record, targetsByRate.get(peak)),
        };
      }),
      learningRate: chosen,
      seeds: present.map((record) =>
        seedResult({ record, evaluations: evaluationsOf(record, times) }, targets.get(record.header.seed)),
      ),
      missing: chosen !== null ? seeds.length - present.length : isOver(grid, recordOf, lost) ? 0 : suite.seeds,
    };
  });
  const needed = runs.flatMap(({ grid, seeds }) => [...grid, ...seeds]);
  const recorded = needed.map((run) => recordOf(experimentHash(run))).filter((record) => record !== undefined);
  return {
    title: suite.title,
    target: target.label,
    setup: setupOf(suite),
    machines: machinesOf(recorded),
    areSecondsCalibrated: times !== null,
    stepTimesFrom: foreignMachine(times, recorded),
    rows,
    warnings: [...failuresOf(needed, recordOf, lost), ...warningsOn(rows), ...plateauWarnings(recorded)],
  };
}

/** @param comparisons of the points' suites, in their order. */
export function compareRegime(
  { title, middle, points }: Regime,
  comparisons: readonly SuiteComparison[],
): RegimeComparison {
  return {
    title,
    setup: setupOf(middle),
    points: points.map(({ axis, value }, index) => ({ axis, value, comparison: comparisons[index] })),
  };
}

/** Smoothed, with the calibrated time in place of the clock's; NaN where it is not known. */
function evaluationsOf(record: RunRecord, times: StepTimes | null): SmoothedEvaluation[] {
  const elapsed = times === null ? null : calibratedElapsedMs(record.evaluations, times.ms);
  // An operator's training is not among the steps: its time is the clock's.
  const before = record.header.preparation?.elapsedMs ?? 0;
  const evaluations = record.evaluations.map((evaluation, index) => ({
    ...evaluation,
    elapsedMs:
      times === null ? (record.isSolo ? evaluation.elapsedMs : Number.NaN) : before + (elapsed?.[index] ?? Number.NaN),
  }));
  return smooth(evaluations);
}

/** FLOPs saved until the end of the target's run; null is "not reached", undefined where that has no end that says anything. */
function savingAtSameRate(record: RunRecord, target: RunRecord | undefined): number | null | undefined {
  if (record.header.status !== "finished" || target?.header.status !== "finished") return undefined;
  if (isOnPlateau(target)) return undefined;
  const end = smooth(target.evaluations).at(-1);
  return end && saving(firstCrossing(smooth(record.evaluations), end.smoothed), end, "modelFlops");
}

function seedResult({ record, evaluations }: Curve, target: Curve | undefined): SeedResult {
  const { header } = record;
  const isFinished = header.status === "finished";
  const last = evaluations.at(-1);
  const end = target?.evaluations.at(-1);
  const endLoss = isFinished && last !== undefined ? last.smoothed : Number.NaN;
  const crossing = end === undefined || !isFinished ? null : firstCrossing(evaluations, end.smoothed);
  const saved = (cost: "modelFlops" | "layerFlops" | "elapsedMs") =>
    end === undefined ? undefined : saving(crossing, end, cost);
  const atEqual = (cost: "modelFlops" | "elapsedMs") => {
    if (target === undefined || !isFinished) return null;
    const losses = lossesAtEqualCost(evaluations, target.evaluations, cost);
    return losses === null || Number.isNaN(losses.own + losses.target) ? null : losses;
  };
  const smallModelFlops = header.smallModel?.modelFlops ?? 0;
  const whole = crossing === null ? null : { ...crossing, modelFlops: crossing.modelFlops + smallModelFlops };
  return {
    seed: header.seed,
    status: isFinished ? "finished" : "failed",
    ...(header.reason !== undefined && { reason: header.reason }),
    endLoss,
    difference: end === undefined || !isFinished ? null : endLoss - end.smoothed,
    savings: {
      flops: saved("modelFlops"),
      layerFlops: saved("layerFlops"),
      seconds: saved("elapsedMs"),
      withSmallModels: end === undefined ? undefined : saving(whole, end, "modelFlops"),
    },
    trainingSaving:
      target === undefined || !isFinished
        ? undefined
        : trainingSaving(trainingStretches(record), trainingStretches(target.record)),
    atEqualFlops: atEqual("modelFlops"),
    atEqualSeconds: atEqual("elapsedMs"),
    meanDepthPerStage: record.meanDepthPerStage ?? depthsByUniqueLayers(record),
    epochs: header.trainTokens === undefined ? 0 : (last?.tokens ?? 0) / header.trainTokens,
    trainValidationGap: trainValidationGap(last, lastTrained(record), header.model.layers),
    modelFlops: last?.modelFlops ?? 0,
    elapsedMs: last === undefined || Number.isNaN(last.elapsedMs) ? null : last.elapsedMs,
    smallModelFlops,
    curve: evaluations.map(({ smoothed, modelFlops, elapsedMs }) => ({
      ...{ loss: smoothed, modelFlops },
      elapsedMs: Number.isNaN(elapsedMs) ? null : elapsedMs,
    })),
  };
}

/** N and depth of recorded steps with their number. */
function* stepsOf({ evaluations }: RunRecord): Generator<{ uniqueLayers: number; depth: number; count: number }> {
  for (const { work } of evaluations) {
    for (const [key, count] of Object.entries(work)) {
      const [uniqueLayers, depth] = key.split("/").map(Number);
      yield { uniqueLayers, depth, count };
    }
  }
}

/** Of early records: stages have different numbers of unique layers, unless layers are skipped. */
function depthsByUniqueLayers(record: RunRecord): number[] {
  const sums = new Map<number, { depth: number; count: number }>();
  for (const { uniqueLayers, depth, count } of stepsOf(record)) {
    const sum = sums.get(uniqueLayers) ?? { depth: 0, count: 0 };
    sums.set(uniqueLayers, { depth: sum.depth + depth * count, count: sum.count + count });
  }
  return [...sums].sort(([a], [b]) => a - b).map(([, { depth, count }]) => depth / count);
}

function lastTrained({ evaluations, training }: RunRecord): { loss: number | undefined; depths: number[] } {
  const work = Object.keys(evaluations.at(-1)?.work ?? {});
  return { loss: training.at(-1)?.loss, depths: work.map((key) => Number(key.split("/")[1])) };
}

function setupOf({ model, training, data, seeds }: Suite): string {
  const { family, layers, hidden, heads, context, vocabulary } = model;
  const batch = training.batch * (training.microBatches ?? 1);
  return (
    `${family.toUpperCase()}, ${layers} layers, hidden ${hidden}, ${heads} heads, context ${context}, vocabulary ${vocabulary}; ` +
    `${training.steps} steps × ${batch * context} tokens of ${data.corpus ?? "brown"}, ` +
    `evaluated on ${data.validationTokens ?? EVALUATION_TOKENS} others; ${seeds} seed${seeds === 1 ? "" : "s"}`
  );
}

/** "a CPU, 1 thread, simd kernels, Node v24.9.0 (2026-11-27, 2026-11-28)" */
function machinesOf(records: readonly RunRecord[]): string[] {
  const dates = new Map<string, Set<string>>();
  for (const record of records)
    for (const name of runtimesOf(record).map(nameOf)) dates.set(name, (dates.get(name) ?? new Set()).add(record.date));
  return [...dates].map(([name, days]) => `${name} (${[...days].sort().join(", ")})`).sort();
}

/** Where step times were measured, if no run was made there. */
function foreignMachine(times: StepTimes | null, records: readonly RunRecord[]): string | null {
  if (times === null || Object.keys(times.ms).length === 0) return null;
  const own = new Set(records.flatMap(runtimesOf).map(nameOf));
  const name = nameOf(times.runtime);
  return own.has(name) ? null : name;
}

const runtimesOf = ({ header }: RunRecord): RunRuntime[] => [header.runtime, ...(header.continuedOn ?? [])];

const nameOf = ({ cpu, kernels, node, threads }: RunRuntime) =>
  `${cpu}, ${threads} thread${threads === 1 ? "" : "s"}, ${kernels} kernels, Node ${node}`;

/** Whether every learning rate was tried, and none came to its end. */
function isOver(grid: readonly Experiment[], recordOf: Lookup, lost: ReadonlyMap<string, string>): boolean {
  return grid.every((run) => recordOf(experimentHash(run)) !== undefined || lost.has(experimentHash(run)));
}

/** "lvps, seed 0, learning rate 0.004": each run once. */
function failuresOf(runs: readonly Experiment[], recordOf: Lookup, lost: ReadonlyMap<string, string>): string[] {
  const reasons = new Map<string, string>();
  for (const run of runs) {
    const hash = experimentHash(run);
    const header = recordOf(hash)?.header;
    const reason = lost.get(hash) ?? (header?.status === "failed" ? header.reason : undefined);
    const { name, seed, training } = run;
    if (reason !== undefined) reasons.set(`${name}, seed ${seed}, learning rate ${training.learningRate.peak}`, reason);
  }
  return [...reasons].map(([name, reason]) => `${name}, failed: ${reason}`);
}

function warningsOn(rows: readonly SuiteRow[]): string[] {
  const incomplete = rows.filter((row) => row.missing > 0).map((row) => `${row.label} ${row.missing}`);
  const missing = incomplete.length === 0 ? [] : [`Runs are missing: ${incomplete.join(", ")}`];
  const atEdge = rows.filter(isAtEdge).map(({ label }) => label);
  const edge =
    atEdge.length === 0
      ? []
      : [`The best learning rate is the smallest or largest that was tried, and may lie beyond: ${atEdge.join(", ")}`];
  return [...missing, ...edge];
}

/** Runs that learned little but how often tokens are: what they save, or do not, says nothing. */
function plateauWarnings(records: readonly RunRecord[]): string[] {
  const flat = records.filter(isOnPlateau);
  if (flat.length === 0) return [];
  const names = flat.map(({ header, experiment }) => {
    const { training } = experiment as Experiment;
    return `${header.name} (seed ${header.seed}, learning rate ${training.learningRate.peak})`;
  });
  return [
    `Hardly better than guessing every token by its frequency (${flat[0].header.unigramLoss!.toFixed(3)} nats), and so without a say ` +
      `about methods: ${[...new Set(names)].join(", ")}`,
  ];
}

/** Whether a finished run knows hardly more than the tokens' frequencies. */
function isOnPlateau(record: RunRecord): boolean {
  const { status, unigramLoss } = record.header;
  return status === "finished" && unigramLoss !== undefined && endLossOf(record) > unigramLoss - LEAST_GAIN;
}

function isAtEdge({ grid, learningRate }: SuiteRow): boolean {
  const rates = grid.map((point) => point.learningRate);
  // Of two, each is at an edge.
  return rates.length > 2 && (learningRate === Math.min(...rates) || learningRate === Math.max(...rates));
}
