/**
 * A run in a few kilobytes: everything that comparisons over seeds need, without its steps. Records are kept and passed on
 * where run folders, with their weights, are too large.
 */

import type { EvaluationRecord, RunHeader, RunLog, RunStage, StepRecord } from "./run-log.ts";
import { mean, windowMeans } from "./statistics.ts";

/** An evaluation, with the steps since the one before it. */
export interface RecordedEvaluation extends EvaluationRecord {
  /** Number of steps by what they executed: "N/depth", or "N/depth/trained layers" where not all learned. */
  work: Record<string, number>;
}

/** A mean training loss over a stretch of steps, and what had been spent by its end. */
export interface TrainingWindow {
  loss: number;
  modelFlops: number;
}

export interface RunRecord {
  schema: 1;
  /** Of the experiment: equal experiments, equal hashes. */
  hash: string;
  /** Whether the machine did nothing else, so that its clock may be believed. */
  isSolo: boolean;
  /** "2026-11-27", the day on which the run ended. */
  date: string;
  header: RecordedHeader;
  /** Contents of `experiment.json`. */
  experiment: unknown;
  /** Realised, of every stage that began; absent in early records. */
  meanDepthPerStage?: number[];
  evaluations: RecordedEvaluation[];
  training: TrainingWindow[];
}

/** Depths and maps follow from the experiment, and are left out. */
export type RecordedHeader = Omit<RunHeader, "stages"> & { stages: Omit<RunStage, "depths" | "layerMaps">[] };

/** Stretches that the training loss is kept in: long enough for a mean to be quiet. */
const TRAINING_WINDOWS = 20;
/** Losses keep a millionth, times a millisecond. */
const LOSS_DIGITS = 6;
const DEPTH_DIGITS = 4;

/** The record of a run, whatever became of it. */
export function recordOf(log: RunLog, { hash, isSolo, date }: Pick<RunRecord, "hash" | "isSolo" | "date">): RunRecord {
  const { header, experiment, evaluations, steps } = log;
  return {
    ...{ schema: 1, hash, isSolo, date, experiment },
    header: { ...header, stages: header.stages.map(({ depths: _, layerMaps: __, ...stage }) => stage) },
    meanDepthPerStage: meanDepths(log).map((depth) => Number(depth.toFixed(DEPTH_DIGITS))),
    evaluations: evaluations.map((evaluation, index) => {
      const since = index === 0 ? 0 : evaluations[index - 1].step;
      return {
        ...evaluation,
        loss: rounded(evaluation.loss),
        lossAtUniqueDepth: rounded(evaluation.lossAtUniqueDepth),
        elapsedMs: Math.round(evaluation.elapsedMs),
        work: workOf(steps.filter(({ step }) => step >= since && step < evaluation.step)),
      };
    }),
    training: windowMeans(steps, TRAINING_WINDOWS).map(({ loss, modelFlops }) => ({ loss: rounded(loss), modelFlops })),
  };
}

/** The training loss by stretches, each with what it alone cost; the first bears what was spent before the first step. */
export function trainingStretches({ training, header }: Pick<RunRecord, "training" | "header">): TrainingWindow[] {
  const stretches = training.map(({ loss, modelFlops }, index) => ({
    loss,
    modelFlops: modelFlops - (training[index - 1]?.modelFlops ?? 0),
  }));
  return withPreparation(header, stretches);
}

/** Steps, or stretches of them, of which the first bears what was spent before it. */
export function withPreparation<Stretch extends { modelFlops: number }>(
  { preparation }: Pick<RunHeader, "preparation">,
  stretches: readonly Stretch[],
): Stretch[] {
  const before = preparation?.modelFlops ?? 0;
  return stretches.map((one, index) => (index === 0 ? { ...one, modelFlops: one.modelFlops + before } : one));
}

/** The realised mean depth of every stage that began. */
export function meanDepths({ header, steps }: Pick<RunLog, "header" | "steps">): number[] {
  return header.stages
    .map(({ firstStep, endStep }) => steps.filter(({ step }) => step >= firstStep && step < endStep))
    .filter((records) => records.length > 0)
    .map((records) => mean(records.map(({ depth }) => depth)));
}

/** What a step executed, as calibrations call it. */
export function workKey({
  uniqueLayers,
  depth,
  trainedLayers,
}: Pick<StepRecord, "uniqueLayers" | "depth" | "trainedLayers">): string {
  return `${uniqueLayers}/${depth}${trainedLayers === undefined ? "" : `/${trainedLayers}`}`;
}

function workOf(steps: readonly StepRecord[]): Record<string, number> {
  const work: Record<string, number> = {};
  for (const step of steps) work[workKey(step)] = (work[workKey(step)] ?? 0) + 1;
  return work;
}

const rounded = (loss: number) => Number(loss.toFixed(LOSS_DIGITS));
