/**
 * Progressive layer dropping (methods B.9 [C]): layers are dropped at random, the upper ones more, and more of them as training
 * goes on: the opposite of Apollo and RaPTr. Made for pre-LN, and refused for post-LN.
 *
 * θ(t) = (1 − θ̄)·e^(−γt) + θ̄; layer i = 0 … L−1 is kept with p = 1 − i·(1 − θ)/L, by one coin a batch for both of its branches, which are
 * divided by p. (The authors' code divides by the next layer's p, an off-by-one that is not repeated here.) γ = 100/T is second-hand [M].
 * Parameters of layers that a whole update drops have no gradient in it, and AdamW leaves them as they are: no decay of weights or moments, no
 * step count [D].
 */

import { depthsOfKept, planOfKept } from "../apollo/kept-layers.ts";
import { straightMap } from "../apollo/step-plan.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface LayerDropOptions {
  /** θ̄, the limit of θ; 0.5 when absent. */
  limit?: number;
  /** γ·T; 100 when absent. */
  decay?: number;
}

/** Steps over which the expected depths are averaged for plans. */
const PLANNED_STEPS = 100;

export const layerDrop: Recipe<LayerDropOptions> = ({ limit = 0.5, decay = 100 }, call) => {
  const { steps, targetDepth: L, norm } = call;
  if (norm === "post")
    throw new Error("layer-drop: it is made for pre-LN; post-LN normalises behind a dropped layer too");
  const keptAt = (step: number) => {
    const theta = (1 - limit) * Math.exp((-decay * step) / steps) + limit;
    return Array.from({ length: L }, (_, layer) => 1 - (layer * (1 - theta)) / L);
  };
  const sampled = Array.from({ length: PLANNED_STEPS }, (_, index) => (index * steps) / PLANNED_STEPS);
  return {
    ...scratch({}, call),
    name: "layer-drop",
    depthDraw: "microbatch",
    layersAt: (_, depth) => (depth === L ? straightMap(L) : null),
    growthMap: () => null,
    depths() {
      const sums = new Array<number>(L + 1).fill(0);
      for (const step of sampled)
        for (const { depth, probability } of depthsOfKept(keptAt(step))) sums[depth] += probability / PLANNED_STEPS;
      return sums.map((probability, depth) => ({ depth, probability })).filter(({ probability }) => probability > 0);
    },
    planStep: ({ step, random }) => planOfKept(keptAt(step), (p) => 1 / p, random()),
  };
};
