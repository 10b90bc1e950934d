/** Savings as methods D.1 defines them: the cost at which a method first reaches Scratch's final loss. */

import type { LossesAtEqualCost } from "../report/comparison.ts";
import type { EvaluationRecord, StepRecord } from "../report/run-log.ts";
import { trailingMedian, windowMeans } from "../report/statistics.ts";

/** What an evaluation cost until then. */
export type CostName = "modelFlops" | "layerFlops" | "elapsedMs" | "step";

/** An evaluation whose loss is the median of the last three. */
export type SmoothedEvaluation = EvaluationRecord & { smoothed: number };

/** Adds to each evaluation the median of its loss and the two before it (fewer at the beginning). */
export function smooth(evaluations: readonly EvaluationRecord[]): SmoothedEvaluation[] {
  const smoothed = trailingMedian(evaluations.map(({ loss }) => loss));
  return evaluations.map((evaluation, index) => ({ ...evaluation, smoothed: smoothed[index] }));
}

/** Costs at the first crossing of the target, interpolated linearly between evaluations. */
export type CrossingCosts = Record<CostName, number>;

/** Where the smoothed loss first comes down to the target; null if it never does. */
export function firstCrossing(evaluations: readonly SmoothedEvaluation[], target: number): CrossingCosts | null {
  const index = evaluations.findIndex(({ smoothed }) => smoothed <= target);
  if (index < 0) return null;
  const after = evaluations[index];
  const before = evaluations[index - 1];
  const share = before === undefined ? 1 : (before.smoothed - target) / (before.smoothed - after.smoothed);
  const at = (cost: CostName) =>
    before === undefined ? after[cost] : before[cost] + share * (after[cost] - before[cost]);
  return { modelFlops: at("modelFlops"), layerFlops: at("layerFlops"), elapsedMs: at("elapsedMs"), step: at("step") };
}

/** 1 − C_m(τ)/C_scratch(end); null when the target is not reached. */
export function saving(crossing: CrossingCosts | null, scratchEnd: EvaluationRecord, cost: CostName): number | null {
  return crossing === null ? null : 1 - crossing[cost] / scratchEnd[cost];
}

/** The smoothed loss where a cost had been spent, interpolated; null when the run ended before. */
export function lossAtCost(evaluations: readonly SmoothedEvaluation[], cost: CostName, spent: number): number | null {
  const index = evaluations.findIndex((evaluation) => evaluation[cost] >= spent);
  if (index < 0) return null;
  const after = evaluations[index];
  const before = evaluations[index - 1];
  if (before === undefined || after[cost] === before[cost]) return after.smoothed;
  const share = (spent - before[cost]) / (after[cost] - before[cost]);
  return before.smoothed + share * (after.smoothed - before.smoothed);
}

/** The losses of a run and of the target run at the largest cost that both have spent; null where one was never evaluated. */
export function lossesAtEqualCost(
  evaluations: readonly SmoothedEvaluation[],
  target: readonly SmoothedEvaluation[],
  cost: CostName,
): LossesAtEqualCost | null {
  const ends = [evaluations, target].map((list) => list.at(-1)?.[cost] ?? Number.NaN);
  const spent = Math.min(...ends);
  const [own, other] = [lossAtCost(evaluations, cost, spent), lossAtCost(target, cost, spent)];
  return own === null || other === null ? null : { own, target: other };
}

/**
 * Validation minus training loss at the end; null unless that ran at full depth, where the two can be compared.
 * @param trained the run's last steps: their mean training loss (absent when there are none), and every depth among them.
 */
export function trainValidationGap(
  last: SmoothedEvaluation | undefined,
  trained: { loss: number | undefined; depths: readonly number[] },
  targetDepth: number,
): number | null {
  const isFullDepth = trained.depths.length > 0 && trained.depths.every((depth) => depth === targetDepth);
  return last === undefined || trained.loss === undefined || !isFullDepth ? null : last.smoothed - trained.loss;
}

/** Windows that the smoothed training loss consists of: long enough for a mean to be quiet. */
const TRAINING_WINDOWS = 10;
/** A target run that seems to save more than this against itself is too noisy for others to be held against it. */
const LARGEST_SELF_SAVING = 0.02;

/** A step, or several: mean training loss, and what they cost. */
type TrainedStretch = Pick<StepRecord, "loss" | "modelFlops">;

/**
 * 1 − C_m(τ)/C_target(end) by smoothed training loss, at the depths that were drawn, as the release's figure shows it
 * (methods D.1): τ is the end of the first window whose mean comes down to that of the target run's last.
 * @param steps all of them, or stretches of equal length.
 * @returns null when it is never reached, "too noisy" when the target run would save against itself.
 */
export function trainingSaving(
  steps: readonly TrainedStretch[],
  target: readonly TrainedStretch[],
): number | null | "too noisy" {
  const windows = windowMeans(target, TRAINING_WINDOWS);
  const end = windows.at(-1);
  if (end === undefined) return null;
  const savingOf = (candidates: readonly { loss: number; modelFlops: number }[]) => {
    const crossing = candidates.find(({ loss }) => loss <= end.loss);
    return crossing === undefined ? null : 1 - crossing.modelFlops / end.modelFlops;
  };
  return savingOf(windows)! > LARGEST_SELF_SAVING ? "too noisy" : savingOf(windowMeans(steps, TRAINING_WINDOWS));
}
