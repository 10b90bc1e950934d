/** Keys and values that attention has computed for the tokens of a sequence, so that later tokens need not compute them again. */

import { isRecording } from "../autograd/index.ts";
import { outsideScopes } from "../tensor/scope.ts";
import { formatShape, ShapeError } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Keys and values [heads, context, D] of one position in depth: those of a head lie together, as attention reads them. */
interface KeptRows {
  keys: Tensor;
  values: Tensor;
}

/** What attention at one position in depth sees of a cache. */
export interface CachedPosition extends KeptRows {
  /** Tokens whose keys and values stand there already. */
  past: number;
}

export interface KeyValueCacheOptions {
  /** Positions in depth: the length of the path. */
  positions: number;
  /** Most tokens. */
  context: number;
  /** C */
  hidden: number;
  heads: number;
}

/**
 * The cache of one sequence on its way through one path. A block that stands at several positions in depth has other keys and
 * values at each, so they are kept by position. The buffers, 2·positions·context·C numbers, belong to no scope: whoever makes a
 * cache calls {@link release}.
 */
export class KeyValueCache {
  readonly context: number;
  #length = 0;
  readonly #kept: readonly KeptRows[];

  constructor({ positions, context, hidden, heads }: KeyValueCacheOptions) {
    this.context = context;
    const allocate = () => outsideScopes(() => Tensor.allocate([heads, context, hidden / heads]));
    this.#kept = Array.from({ length: positions }, () => ({ keys: allocate(), values: allocate() }));
  }

  /** Tokens that every position has seen. */
  get length(): number {
    return this.#length;
  }

  /**
   * Refuses token ids [B, T] that cannot go on from here through a path.
   * @throws when operations are recorded, the ids are not one sequence, the path has another length, or the tokens do not fit.
   */
  check(ids: Tensor, pathLength: number): void {
    if (isRecording())
      throw new Error(
        "a key-value cache is for inference: nothing goes back through it, so run it inside noGrad(() => …)",
      );
    if (ids.shape[0] !== 1)
      throw new ShapeError(
        `a key-value cache holds one sequence, and ids ${formatShape(ids.shape)} are ${ids.shape[0]}`,
      );
    if (pathLength !== this.#kept.length)
      throw new Error(`the key-value cache was made for a path of ${this.#kept.length} layers, not of ${pathLength}`);
    if (this.#length + ids.shape[1] > this.context)
      throw new ShapeError(
        `the key-value cache holds ${this.#length} of at most ${this.context} tokens: ${ids.shape[1]} more do not fit`,
      );
  }

  /** What the attention at a position in depth works with. */
  at(position: number): CachedPosition {
    return { ...this.#kept[position], past: this.#length };
  }

  /** All positions have seen so many tokens more. */
  advance(tokens: number): void {
    this.#length += tokens;
  }

  /** Gives the buffers back; the cache is of no use afterwards. */
  release(): void {
    for (const { keys, values } of this.#kept) {
      keys.release();
      values.release();
    }
  }
}

/** Writes the keys and values of qkv [1, t, 3C] behind those that are there. */
export function appendToCache({ keys, values, past }: CachedPosition, qkv: Tensor): void {
  const [heads, context, headSize] = keys.shape;
  const [, tokens, width] = qkv.shape;
  const [from, toKeys, toValues] = [qkv.numbers, keys.numbers, values.numbers];
  for (let token = 0; token < tokens; token++) {
    for (let head = 0; head < heads; head++) {
      const key = token * width + width / 3 + head * headSize;
      const value = key + width / 3;
      const to = (head * context + past + token) * headSize;
      toKeys.set(from.subarray(key, key + headSize), to);
      toValues.set(from.subarray(value, value + headSize), to);
    }
  }
}
