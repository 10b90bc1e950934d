/** A position in an endless stream whose every batch can be asked for by its step. */

import { type BatchOptions, type BatchState, checkSize } from "./batch-options.ts";

/** Steps through `batchAt`, and can stop and go on later. */
export abstract class BatchStream<Batch> {
  protected readonly options: BatchOptions;
  #step = 0;

  constructor(options: BatchOptions) {
    checkSize("the batch size", options.batchSize, 1);
    this.options = options;
  }

  /** The batch of a step: a function of the options and the step alone. */
  abstract batchAt(step: number): Batch;

  next(): Batch {
    return this.batchAt(this.#step++);
  }

  state(): BatchState {
    const { seed, context, batchSize, tokens } = this.options;
    return { step: this.#step, seed, context, batchSize, tokenCount: tokens.length };
  }

  /** Goes on where `state` was taken. @throws when that was another stream's. */
  restore(state: BatchState): void {
    const own = this.state();
    for (const name of ["seed", "context", "batchSize", "tokenCount"] as const) {
      if (state[name] !== own[name])
        throw new Error(`cannot continue the data stream: its ${name} was ${state[name]} and is ${own[name]}`);
    }
    checkSize("the step to continue from", state.step, 0);
    this.#step = state.step;
  }
}
