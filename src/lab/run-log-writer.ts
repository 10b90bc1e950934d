/** Writes the logs of a run while it trains. */

import { join } from "node:path";
import type { StepRecord as TrainingRecord } from "../apollo/algorithm.ts";
import { apolloInfoRecord } from "../apollo/apollo-info.ts";
import type { Method } from "../apollo/method.ts";
import { appendRecord, keepRecords, runFileNames } from "../report/run-files.ts";
import type { EvaluationRecord, RunCosts, StepRecord } from "../report/run-log.ts";
import type { ValidationLosses } from "./evaluation.ts";
import { type Experiment, layerMapOf } from "./experiment.ts";
import { INFO_FILE } from "./run-folder.ts";

/** Keeps the totals that evaluations are booked at. */
export class RunLogWriter {
  readonly #totals: RunCosts;
  readonly #steps: string;
  readonly #evaluations: string;
  readonly #info: string;
  readonly #experiment: Experiment;

  /** @param preparation what was spent before the first step. */
  constructor(folder: string, experiment: Experiment, preparation?: RunCosts) {
    this.#totals = { modelFlops: 0, layerFlops: 0, elapsedMs: 0, tokens: 0, ...preparation };
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

  /** Books losses at what the run has cost until now. */
  evaluation(step: number, losses: ValidationLosses): EvaluationRecord {
    const record = { step, ...losses, ...this.#totals };
    appendRecord(this.#evaluations, record);
    return record;
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
    const totals = this.#totals;
    for (const name of Object.keys(totals) as (keyof RunCosts)[]) totals[name] += record[name];
  }
}
