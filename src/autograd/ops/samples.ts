/** Random shapes and values for the operations' test samples. */

import type { Random } from "../../tensor/random.ts";
import type { Shape } from "../../tensor/shape.ts";

/** The length of an axis, odd as often as not; up to 5, which is small enough for finite differences, unless told otherwise. */
export function drawLength(random: Random, longest = 5): number {
  return 1 + random.integer(longest);
}

/** Lengths of up to 5 for the axes, except that one of them may be as long as `longest`. */
export function drawShape(random: Random, options: { minimumRank?: number; longest?: number } = {}): number[] {
  const { minimumRank = 0, longest } = options;
  const rank = minimumRank + random.integer(4 - minimumRank);
  const shape = Array.from({ length: rank }, () => drawLength(random));
  if (longest !== undefined && rank > 0) shape[random.integer(rank)] = drawLength(random, longest);
  return shape;
}

/** Two shapes that broadcast together: axes are dropped or set to 1 at random. */
export function drawBroadcastPair(random: Random, longest?: number): [Shape, Shape] {
  const whole = drawShape(random, { longest });
  const thin = () =>
    whole
      .slice(random.integer(3) === 0 ? random.integer(whole.length + 1) : 0)
      .map((size) => (random.integer(3) === 0 ? 1 : size));
  return random.integer(2) === 0 ? [whole, thin()] : [thin(), whole];
}

/** Values of random sign whose size lies in [from, to]: away from 0. */
export function awayFromZero(from = 0.2, to = 2): (random: Random, size: number) => number[] {
  return (random, size) =>
    Array.from({ length: size }, () => (from + (to - from) * random.uniform()) * (random.integer(2) === 0 ? 1 : -1));
}

/** Values in [from, to]. */
export function between(from: number, to: number): (random: Random, size: number) => number[] {
  return (random, size) => Array.from({ length: size }, () => from + (to - from) * random.uniform());
}

/** Values that differ from one another by at least 0.1, in random order: no ties. */
export function distinct(offset = 0): (random: Random, size: number) => number[] {
  return (random, size) => Array.from(random.permutation(size), (rank) => offset + 0.1 * (rank - size / 2));
}

/** Whole numbers in 0 … bound−1. */
export function indicesBelow(bound: number): (random: Random, size: number) => number[] {
  return (random, size) => Array.from({ length: size }, () => random.integer(bound));
}
