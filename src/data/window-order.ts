/** Which stretch of the tokens each sequence reads. There must be tokens for at least one window. */

import { Random } from "../tensor/random.ts";

export interface WindowOrderOptions {
  /** Length of the token array. */
  tokenCount: number;
  /** Tokens that one window takes. */
  windowSize: number;
  seed: number;
}

/** A window's first token and the pass over the data that it belongs to. */
export interface WindowPlace {
  start: number;
  epoch: number;
}

/**
 * An endless order of windows, any of which can be asked for directly.
 *
 * The tokens are read as a ring: each epoch starts at a random place of its own, cuts ⌊tokens / size⌋ neighbouring windows from
 * there, and shuffles them. An epoch so shows every token once but for the fewer than `windowSize` left over before
 * its starting place, which are others in every epoch. The n-th window depends on the options and n alone.
 */
export class WindowOrder {
  readonly windowsPerEpoch: number;
  readonly #options: WindowOrderOptions;
  readonly #starts = new Map<number, Int32Array>();

  constructor(options: WindowOrderOptions) {
    this.#options = options;
    this.windowsPerEpoch = Math.floor(options.tokenCount / options.windowSize);
  }

  /** The place of the n-th window, counted from 0 over all epochs. */
  at(index: number): WindowPlace {
    const epoch = Math.floor(index / this.windowsPerEpoch);
    return { start: this.#startsOf(epoch)[index % this.windowsPerEpoch], epoch };
  }

  #startsOf(epoch: number): Int32Array {
    const known = this.#starts.get(epoch);
    if (known !== undefined) return known;
    const { tokenCount, windowSize, seed } = this.#options;
    const random = Random.stream(seed, `data order, epoch ${epoch}`);
    const offset = random.integer(tokenCount);
    const starts = random
      .permutation(this.windowsPerEpoch)
      .map((window) => (offset + window * windowSize) % tokenCount);
    // A batch lies in two epochs at most, unless the corpus is tiny; older orders can be drawn again.
    if (this.#starts.size >= 4) this.#starts.clear();
    this.#starts.set(epoch, starts);
    return starts;
  }
}

export interface EvaluationWindows {
  tokenCount: number;
  windowSize: number;
  /** Tokens that a window reads, a following target included. */
  span: number;
  minimumTokens: number;
}

/**
 * Places of windows for evaluation, the same in every run, however it batches them: spread evenly over the tokens, without
 * overlap; as many as give `minimumTokens`, or all there are.
 */
export function evaluationStarts(options: EvaluationWindows): number[] {
  const { tokenCount, windowSize, span, minimumTokens } = options;
  const available = Math.floor((tokenCount - span) / windowSize) + 1;
  const wanted = Math.min(available, Math.max(1, Math.ceil(minimumTokens / windowSize)));
  return Array.from({ length: wanted }, (_, index) => Math.floor((index * available) / wanted) * windowSize);
}

/** Copies `count` tokens from `start` on, going round at the end. */
export function copyRing(source: Int32Array, start: number, count: number, target: Int32Array, at: number): void {
  for (let copied = 0; copied < count; ) {
    const from = (start + copied) % source.length;
    const piece = source.subarray(from, Math.min(source.length, from + count - copied));
    target.set(piece, at + copied);
    copied += piece.length;
  }
}
