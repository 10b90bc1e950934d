/** Steps that run only some of the layers, each kept with a probability of its own, and scaled for those that are missing. */

import type { Random } from "../tensor/random.ts";
import type { DepthProbability } from "./depth-sampler.ts";
import type { StepPlan } from "./step-plan.ts";

/**
 * Keeps layer i with probability `kept[i]`, by one draw per layer in order. A kept layer's branches are multiplied by
 * `scale(kept[i])`.
 */
export function planOfKept(kept: readonly number[], scale: (p: number) => number, random: Random): StepPlan {
  const positions = kept
    .map((p, weight) => ({ weight, branchScale: scale(p), isKept: random.uniform() < p }))
    .filter(({ isKept }) => isKept)
    .map(({ weight, branchScale }) => ({ weight, branchScale }));
  return { positions, trainable: "all" };
}

/** How probable each depth is when layer i is kept with probability `kept[i]`; depths without any probability are left out. */
export function depthsOfKept(kept: readonly number[]): DepthProbability[] {
  let probabilities = [1];
  for (const p of kept) {
    const next = new Array<number>(probabilities.length + 1).fill(0);
    probabilities.forEach((probability, depth) => {
      next[depth] += probability * (1 - p);
      next[depth + 1] += probability * p;
    });
    probabilities = next;
  }
  return probabilities
    .map((probability, depth) => ({ depth, probability }))
    .filter(({ probability }) => probability > 0);
}
