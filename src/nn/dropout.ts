/** Dropout, and the keys that make its masks reproducible. */

import { dropout } from "../autograd/index.ts";
import type { DropoutSeed } from "../tensor/kernels.ts";
import { mixBits } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/**
 * A place in training from which dropout masks are drawn: (seed, step, micro-batch, position in depth, op). Going one
 * level down is {@link at}. A shared layer is at a different position at each use and so draws a different mask each time;
 * running the same place again draws the same mask.
 */
export class DropoutKey {
  readonly seed: DropoutSeed;

  constructor(seed: DropoutSeed) {
    this.seed = seed;
  }

  /** The key of a run's seed. */
  static from(seed: number): DropoutKey {
    return new DropoutKey([mixBits(seed), mixBits(mixBits(seed) ^ Math.floor(seed / 2 ** 32))]).at(0);
  }

  /** The key of the `index`-th place below this one. */
  at(index: number): DropoutKey {
    const [low, high] = this.seed;
    const mixed = mixBits(low ^ mixBits(index + 0x9e3779b9));
    return new DropoutKey([mixed, mixBits(high ^ mixed)]);
  }
}

/** Drops elements while training. */
export class Dropout extends Module {
  readonly probability: number;

  /** @throws when the probability is not in [0, 1). */
  constructor(options: { probability: number }) {
    super();
    if (!(options.probability >= 0 && options.probability < 1)) {
      throw new Error(`Dropout: the probability must be in [0, 1), not ${options.probability}`);
    }
    this.probability = options.probability;
  }

  get isActive(): boolean {
    return this.isTraining && this.probability > 0;
  }

  /** x with some elements dropped (training), or x itself. @throws while training without a key. */
  forward(x: Tensor, key: DropoutKey | undefined): Tensor {
    return this.isActive ? dropout(x, this.options(key)) : x;
  }

  /** What a kernel needs to draw the mask itself. */
  options(key: DropoutKey | undefined): { probability: number; seed: DropoutSeed } {
    if (key === undefined)
      throw new Error(`Dropout: training with probability ${this.probability} needs a dropout key`);
    return { probability: this.probability, seed: key.seed };
  }
}
