/** A labelled task together with a model that has a head for it: what fine-tuning and evaluation see. */

import { noGrad } from "../autograd/index.ts";
import type {
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  EncodedBatch,
  GptForSequenceClassification,
} from "../nn/index.ts";
import { SEQUENCE_METRICS } from "../tasks/metrics.ts";
import type { BestThreshold, SpanEvaluation } from "../tasks/squad-metrics.ts";
import type { Metric } from "../tasks/task.ts";
import { scope } from "../tensor/scope.ts";
import type { EncodedSequence } from "./encoded-sequence.ts";

/** A model that says one thing of a sequence. */
export type SequenceModel = BertForSequenceClassification | GptForSequenceClassification;

/** A pre-trained model with a head that fits the task. */
export type HeadModel = SequenceModel | BertForTokenClassification | BertForQuestionAnswering;

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

export interface HeadedTask {
  readonly model: HeadModel;
  /** How many sequences there are to train on; a long example gives several. */
  readonly trainingSequences: number;
  /** The batch of some of them: tensors of the present scope. */
  batchOf(sequences: readonly number[]): never;
  /** The development set with this index, predicted and measured; dropout off. */
  evaluate(set: number): Evaluated;
}

/** Tokens of an evaluation batch: beyond, batches were no faster where it was measured. */
const EVALUATION_TOKENS = 2048;

/**
 * Runs sequences through a model without gradients and dropout, those of like length together.
 * @param outputsOf what is kept of a batch, one entry per row.
 * @returns one entry per sequence, in their order.
 */
export function predictAll<Output>(
  model: HeadModel,
  sequences: readonly EncodedSequence[],
  options: { toBatch(sequences: readonly EncodedSequence[]): EncodedBatch; outputsOf(batch: EncodedBatch): Output[] },
): Output[] {
  const order = [...sequences.keys()].sort((a, b) => sequences[a].ids.length - sequences[b].ids.length);
  const outputs = new Array<Output>(sequences.length);
  const { isTraining } = model;
  model.eval();
  try {
    for (let from = 0; from < order.length; ) {
      const rows = rowsFrom(order, from, sequences);
      const batch = order.slice(from, from + rows);
      scope(() =>
        noGrad(() => {
          const results = options.outputsOf(options.toBatch(batch.map((index) => sequences[index])));
          for (const [row, index] of batch.entries()) outputs[index] = results[row];
        }),
      );
      from += rows;
    }
  } finally {
    if (isTraining) model.train();
  }
  return outputs;
}

/** How many sequences from a place on are padded to no more than an evaluation batch; at least one. */
function rowsFrom(order: readonly number[], from: number, sequences: readonly EncodedSequence[]): number {
  let rows = 1;
  // In ascending order, the last sequence is the longest.
  while (from + rows < order.length && (rows + 1) * sequences[order[from + rows]].ids.length <= EVALUATION_TOKENS)
    rows++;
  return rows;
}

/** Rows of a matrix as plain arrays. */
export function rowsOf(matrix: { shape: readonly number[]; numbers: ArrayLike<number> }): number[][] {
  const width = matrix.shape[matrix.shape.length - 1];
  const values = Array.from(matrix.numbers);
  return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
}

/** The place of the largest value; the first of several. */
export function largestOf(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}

/** The metrics of a task for classes or scores. @throws for a metric of spans, which none of these tasks has. */
export function sequenceScores(
  metrics: readonly Metric[],
  { predicted, actual }: { predicted: readonly number[]; actual: readonly number[] },
): Scores {
  return Object.fromEntries(
    metrics.map((metric) => {
      if (metric === "exact-match" || metric === "span-f1") throw new Error(`${metric} measures pieces of text only`);
      return [metric, SEQUENCE_METRICS[metric](predicted, actual)];
    }),
  );
}
