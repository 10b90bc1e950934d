/** What a suite's report shows: recipes over several seeds. The lab computes it; the report only draws it. */

import type { LossesAtEqualCost } from "./comparison.ts";

/** A run's smoothed validation loss and what had been spent by then. */
export interface CurvePoint {
  loss: number;
  modelFlops: number;
  /** Calibrated, or the clock's where the machine did nothing else; null where neither is known. */
  elapsedMs: number | null;
}

/** One seed of a recipe with its chosen learning rate. */
export interface SeedResult {
  seed: number;
  status: "finished" | "failed";
  reason?: string;
  endLoss: number;
  /** End loss minus that of the target run of this seed; null without it. */
  difference: number | null;
  /** Cost saved until the target's end was reached (methods.md D.1); null is "not reached", undefined "no target". */
  savings: Record<SavingName, number | null | undefined>;
  /** Of FLOPs, by training loss at the depths that were drawn, as the release's figure shows it. */
  trainingSaving: number | null | undefined | "too noisy";
  atEqualFlops: LossesAtEqualCost | null;
  atEqualSeconds: LossesAtEqualCost | null;
  /** Realised, one number per stage. */
  meanDepthPerStage: number[];
  epochs: number;
  /** Validation minus mean training loss over the last twentieth; null unless the run ended at full depth. */
  trainValidationGap: number | null;
  modelFlops: number;
  elapsedMs: number | null;
  /** Model FLOPs of small models that were trained first; 0 for recipes that need none. */
  smallModelFlops: number;
  curve: CurvePoint[];
}

export type SavingName = "flops" | "layerFlops" | "seconds" | "withSmallModels";

export interface TriedRate {
  learningRate: number;
  /** Null while it is missing, infinite where it failed. */
  endLoss: number | null;
  /** FLOPs saved until the end of the target with the same learning rate; null is "not reached", undefined "no such target". */
  saving: number | null | undefined;
}

export interface SuiteRow {
  label: string;
  /** Each learning rate that was tried, with the first seed. */
  grid: TriedRate[];
  /** The best of them; null while some are missing. */
  learningRate: number | null;
  seeds: SeedResult[];
  /** Runs that are not recorded yet. */
  missing: number;
}

export interface SuiteComparison {
  title: string;
  /** The label of the recipe whose ends are the targets, seed by seed. */
  target: string;
  /** Model and budget in one line. */
  setup: string;
  /** Where the runs were made. */
  machines: string[];
  areSecondsCalibrated: boolean;
  /** Where the step times of calibrated seconds were measured, if not on one of these machines. */
  stepTimesFrom: string | null;
  rows: SuiteRow[];
  warnings: string[];
}
