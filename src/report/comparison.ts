import type { RunLog } from "./run-log.ts";

/** Where a method's smoothed validation loss first comes down to the target (methods.md D.1). */
export interface Crossing {
  /** Updates done, interpolated between evaluations. */
  step: number;
  /** Model FLOPs spent until then, head included. */
  modelFlops: number;
  /** Training time until then. */
  elapsedMs: number;
}

/** Cost saved on the way to the target as a fraction, 0.4 = 40 %; negative is dearer, null is "not reached". */
export interface Savings {
  /** Model FLOPs, head included. */
  flops: number | null;
  /** Model FLOPs of the layers alone. */
  layerFlops: number | null;
  seconds: number | null;
  /**
   * Model FLOPs until the smoothed *training* loss first comes down to the target run's, as the release's figure counts; at the
   * depths that were drawn; "too noisy" where the target run would save against itself.
   */
  trainingFlops: number | null | "too noisy";
}

/** Two runs at one cost: where the cheaper of the two had spent everything. */
export interface LossesAtEqualCost {
  /** Smoothed validation loss of the run. */
  own: number;
  /** The same of the run that sets the target. */
  target: number;
}

/** One run of a comparison with the numbers that the lab computed from it. */
export interface ComparedRun {
  log: RunLog;
  /** "#rrggbb"; chosen by the report when absent. */
  colour?: string;
  savings: Savings;
  /** null: never reached. */
  crossing: Crossing | null;
  /** Where run and target run had spent as many model FLOPs as the cheaper of them in all; null without a target. */
  atEqualFlops: LossesAtEqualCost | null;
  atEqualSeconds: LossesAtEqualCost | null;
  /** Smoothed validation loss at the last evaluation; null where there was none. */
  endLoss: number | null;
  /** Realised mean of the sampled depth, one number per stage that began. */
  meanDepthPerStage: number[];
  /** Passes over the training text. */
  epochs: number;
  /** Validation minus training loss at the end, both at full depth; null where not known. */
  trainValidationGap: number | null;
  /**
   * Training time at each evaluation, where seconds are not the clock's but counts × step times measured alone
   * (methods.md D.1); the report then marks them "calibrated".
   */
  calibratedElapsedMs?: number[];
}

/** One depth sampler to draw: its continuous density and what it becomes on the integers. */
export interface SamplerCurve {
  title: string;
  /** Empty where the sampler has no density (all mass on one depth). */
  density: { x: number; p: number }[];
  pmf: { depth: number; probability: number }[];
}

/** Everything a report shows. The lab computes it; the report only draws it. */
export interface Comparison {
  title: string;
  /** Smoothed validation loss at the end of the run of that name; null where no run sets a target. */
  target: { loss: number; run: string } | null;
  runs: ComparedRun[];
  samplers: SamplerCurve[];
  /** What makes the numbers doubtful, one sentence each; shown before them. */
  warnings: string[];
  /** Remarks printed below the table, one paragraph each. */
  notes: string[];
}
