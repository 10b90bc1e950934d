/**
 * Random numbers: a seeded, serialisable generator for host-side draws, and the counter-based bits of the dropout kernels.
 *
 * Separate streams are made by name, so that what one part of a program draws never moves what another part draws.
 */

import { xoroshiro128plus, xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import type { DropoutSeed } from "./kernels.ts";

/** A generator's state as plain numbers, ready for JSON. */
export interface RandomState {
  generator: readonly number[];
  spareNormal: number | null;
}

/** Random numbers from a seed: xoroshiro128+ (npm package pure-rand). */
export class Random {
  #generator: ReturnType<typeof xoroshiro128plus>;
  #spareNormal: number | null = null;

  /** @param seed any whole number; equal seeds give equal sequences. */
  constructor(seed: number) {
    if (!Number.isInteger(seed)) throw new Error(`Random: the seed must be a whole number, not ${seed}`);
    this.#generator = xoroshiro128plus(hashWords([seed | 0, Math.floor(seed / 2 ** 32) | 0]));
  }

  /** The stream called `name` of a seed: independent of every other name. */
  static stream(seed: number, name: string): Random {
    return new Random(hashText(name, seed));
  }

  static fromState(state: RandomState): Random {
    const random = new Random(0);
    random.#generator = xoroshiro128plusFromState(state.generator as number[]);
    random.#spareNormal = state.spareNormal;
    return random;
  }

  state(): RandomState {
    return { generator: [...this.#generator.getState()], spareNormal: this.#spareNormal };
  }

  /** 32 random bits as an unsigned integer. */
  bits(): number {
    return this.#generator.next() >>> 0;
  }

  /** Uniform on [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A whole number in 0 … bound−1. */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal, by the Box–Muller transform. */
  normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** A random order of 0 … length−1 (Fisher–Yates). */
  permutation(length: number): Int32Array {
    const order = Int32Array.from({ length }, (_, index) => index);
    for (let last = length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const kept = order[last];
      order[last] = order[other];
      order[other] = kept;
    }
    return order;
  }
}

/** A bijective mixing of 32 bits in which every input bit reaches every output bit. */
export function mixBits(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * The counter-based generator of every dropout kernel: 32 bits that depend on the seed and the element's index alone,
 * so that a mask is the same whatever the number of threads, and can be drawn again in the backward pass.
 */
export function dropoutBits(seed: DropoutSeed, index: number): number {
  return mixBits(mixBits((index + seed[0]) | 0) ^ seed[1]);
}

/** Elements whose {@link dropoutBits} lie below this are dropped. */
export function dropoutThreshold(probability: number): number {
  return Math.floor(probability * 4294967296);
}

function hashWords(words: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const word of words) hash = mixBits(hash ^ mixBits(word));
  return hash | 0;
}

/** A whole number from text and a seed (not cryptographic). */
export function hashText(text: string, seed: number): number {
  return hashWords([seed | 0, Math.floor(seed / 2 ** 32) | 0, text.length, ...new TextEncoder().encode(text)]);
}
