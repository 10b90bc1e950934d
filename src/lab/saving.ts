/** Savings as methods D.1 defines them: the cost at which a method first reaches Scratch's final loss. */

import type { EvaluationRecord } from "../report/run-log.ts";
import { trailingMedian } from "../report/statistics.ts";

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
