/** What models with heads say of many sequences, and how good that is. */

import type { EncodedBatch } from "../nn/index.ts";
import { checkOutputs, infer } from "../nn/inference.ts";
import { SEQUENCE_METRICS } from "../tasks/metrics.ts";
import type { Metric } from "../tasks/task.ts";
import type { EncodedSequence } from "./encoded-sequence.ts";
import type { HeadModel } from "./head-model.ts";
import type { Scores } from "./headed-task.ts";

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
  for (let from = 0; from < order.length; ) {
    const rows = rowsFrom(order, from, sequences);
    const batch = order.slice(from, from + rows);
    infer(model, () => {
      const results = options.outputsOf(options.toBatch(batch.map((index) => sequences[index])));
      for (const [row, index] of batch.entries()) outputs[index] = results[row];
    });
    from += rows;
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

/** Rows of a model's outputs as plain arrays. @throws when they are not numbers, of which none is the largest. */
export function rowsOf(matrix: { shape: readonly number[]; numbers: Float32Array | Float64Array }): number[][] {
  const width = matrix.shape[matrix.shape.length - 1];
  checkOutputs(matrix.numbers);
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
