/**
 * RaPTr (methods C.4 [N]): the whole model is there from the start; each step runs a random path through some of its layers,
 * the first and the last always among them, and the expected length of the path grows by stages.
 *
 * Random depth without sharing: the control for the claim that sharing matters. How the authors rescale the branches that
 * run is not verified; 1/p, its square root, and none are offered [N].
 */

import type { StepPlan } from "../apollo/step-plan.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export const RAPTR_SCALES = ["inverse", "sqrt", "none"] as const;

export interface RaptrOptions {
  /** Expected layers in each of the stages, which are equally long; L/2, 2L/3, 5L/6 and L when absent (6-8-10-12 of 12). */
  lengths?: readonly number[];
  /** Factor on a kept branch: 1/p, 1/√p or 1, with p the probability that its layer is kept. */
  scale?: (typeof RAPTR_SCALES)[number];
}

export const raptr: Recipe<RaptrOptions> = (options, call) => {
  const { steps, targetDepth: L } = call;
  const { lengths = [1 / 2, 2 / 3, 5 / 6, 1].map((share) => Math.round(share * L)), scale = "inverse" } = options;
  if (L < 3) throw new Error(`raptr: a model of ${L} layers has none between the first and the last`);
  for (const length of lengths) {
    if (!(length >= 2 && length <= L))
      throw new Error(`raptr: a path through ${L} layers has 2 to ${L} of them, not ${length}`);
  }
  if (lengths.length === 0 || lengths.length > steps)
    throw new Error(`raptr: ${lengths.length} stages do not fit into ${steps} steps`);
  const endOf = (index: number) => Math.floor(((index + 1) * steps) / lengths.length);
  const stages = lengths.map((_, index) => ({
    uniqueLayers: L,
    firstStep: index === 0 ? 0 : endOf(index - 1),
    endStep: endOf(index),
  }));
  const stageOf = (step: number) => stages.findIndex(({ endStep }) => step < endStep);
  /** p of the layers between the first and the last. */
  const keptOf = (stage: number) => (lengths[stage] - 2) / (L - 2);
  return {
    ...scratch({}, call),
    name: "raptr",
    stages,
    grow: () => {},
    growthMap: () => null,
    layersAt: (_, depth) => (depth === L ? [...new Array(L).keys()] : null),
    depths: (stage) =>
      binomial(L - 2, keptOf(stages.indexOf(stage))).map((probability, inner) => ({ depth: inner + 2, probability })),
    planStep({ step, random }): StepPlan {
      const p = keptOf(stageOf(step));
      const draws = random();
      const factor = scale === "none" ? 1 : scale === "sqrt" ? 1 / Math.sqrt(p) : 1 / p;
      const positions = Array.from({ length: L }, (_, weight) => {
        const isEnd = weight === 0 || weight === L - 1;
        return isEnd ? { weight, branchScale: 1 } : { weight, branchScale: draws.uniform() < p ? factor : 0 };
      });
      return { positions: positions.filter(({ branchScale }) => branchScale !== 0), trainable: "all" };
    },
  };
};

/** The probabilities of 0 … n successes, each of probability p. */
function binomial(n: number, p: number): number[] {
  let probabilities = [1];
  for (let trial = 0; trial < n; trial++) {
    const next = new Array<number>(probabilities.length + 1).fill(0);
    probabilities.forEach((probability, successes) => {
      next[successes] += probability * (1 - p);
      next[successes + 1] += probability * p;
    });
    probabilities = next;
  }
  return probabilities;
}
