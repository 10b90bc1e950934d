/** Batches for next-token prediction. */

import {
  type BatchOptions,
  checkLength,
  checkSize,
  EVALUATION_TOKENS,
  type EvaluationOptions,
} from "./batch-options.ts";
import { BatchStream } from "./batch-stream.ts";
import { copyRing, evaluationStarts, WindowOrder } from "./window-order.ts";

/** Sequences and, one position on, what follows each of their tokens. */
export interface CausalTokens {
  /** [B·T] */
  inputs: Int32Array;
  /** [B·T] */
  targets: Int32Array;
  /** B */
  rows: number;
  /** The pass over the data that the first row belongs to. */
  epoch: number;
}

/** An endless stream of training batches in the order of {@link WindowOrder}. */
export class Batches extends BatchStream<CausalTokens> {
  readonly #order: WindowOrder;

  /** @throws when the tokens are fewer than one window and its last target. */
  constructor(options: BatchOptions) {
    super(options);
    checkContext(options.tokens, options.context);
    this.#order = new WindowOrder({
      tokenCount: options.tokens.length,
      windowSize: options.context,
      seed: options.seed,
    });
  }

  batchAt(step: number): CausalTokens {
    const { tokens, context, batchSize } = this.options;
    const places = Array.from({ length: batchSize }, (_, row) => this.#order.at(step * batchSize + row));
    return causalTokens(tokens, { starts: places.map(({ start }) => start), context, epoch: places[0].epoch });
  }
}

/**
 * Evaluation batches over the same windows for every run, see {@link evaluationStarts}. All have `batchSize` rows, but for the
 * last: weigh a batch's loss by its rows.
 */
export function validationBatches(
  tokens: Int32Array,
  { context, batchSize, minimumTokens = EVALUATION_TOKENS }: EvaluationOptions,
): CausalTokens[] {
  checkContext(tokens, context);
  checkSize("the batch size", batchSize, 1);
  const starts = evaluationStarts({
    tokenCount: tokens.length,
    windowSize: context,
    span: context + 1,
    minimumTokens,
  });
  return Array.from({ length: Math.ceil(starts.length / batchSize) }, (_, batch) =>
    causalTokens(tokens, { starts: starts.slice(batch * batchSize, (batch + 1) * batchSize), context, epoch: 0 }),
  );
}

function checkContext(tokens: Int32Array, context: number): void {
  checkSize("the context", context, 1);
  checkLength(tokens, { context, needed: context + 1 });
}

function causalTokens(
  tokens: Int32Array,
  { starts, context, epoch }: { starts: number[]; context: number; epoch: number },
): CausalTokens {
  const inputs = new Int32Array(starts.length * context);
  const targets = new Int32Array(starts.length * context);
  for (const [row, start] of starts.entries()) {
    copyRing(tokens, start, context, inputs, row * context);
    copyRing(tokens, start + 1, context, targets, row * context);
  }
  return { inputs, targets, rows: starts.length, epoch };
}
