/** A labelled task together with a model that has a head for it: what fine-tuning and evaluation see. */

import type { LayeredModel } from "../apollo/layered-model.ts";
import type { EncodedBatch } from "../nn/index.ts";
import type { BestThreshold, SpanEvaluation } from "../tasks/squad-metrics.ts";
import type { Metric } from "../tasks/task.ts";
import type { HeadModel } from "./head-model.ts";

/** Values by metric: shares and correlations, 1 is best. */
export type Scores = Partial<Record<Metric, number>>;

/** What a model says of an example, in words: a label, a score, tags, or a piece of text ("" where there is no answer). */
export interface Prediction {
  id: string;
  predicted: string;
}

export interface Evaluated {
  scores: Scores;
  predictions: readonly Prediction[];
  /** Of questions of which some have no answer: both sides, and what the best no-answer thresholds would have given. */
  spans?: SpanEvaluation & { best: { exactMatch: BestThreshold; f1: BestThreshold } };
}

/** @typeParam Batch what the model's loss takes. */
export interface HeadedTask<Batch extends EncodedBatch = EncodedBatch> {
  readonly model: HeadModel & LayeredModel<Batch>;
  /** How many sequences there are to train on; a long example gives several. */
  readonly trainingSequences: number;
  /** The batch of some of them: tensors of the present scope. */
  batchOf(sequences: readonly number[]): Batch;
  /** The development set with this index, predicted and measured; dropout off. */
  evaluate(set: number): Evaluated;
}
