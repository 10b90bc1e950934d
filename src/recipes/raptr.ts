/**
 * RaPTr (methods C.4 [N]): the whole model is there from the start; each step runs a random path through some of its layers,
 * the first and the last always among them, and the expected length of the path grows by stages.
 *
 * Random depth without sharing: the control for the claim that sharing matters. How the authors rescale the branches that
 * run is not verified; 1/p, its square root, and none are offered [D]. Parameters of layers that a step skips have no gradient in it, and
 * AdamW leaves them as they are: no decay of weights or moments, no step count [D].
 */

import { depthsOfKept, planOfKept } from "../apollo/kept-layers.ts";
import { straightMap } from "../apollo/step-plan.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export const RAPTR_SCALES = ["inverse", "sqrt", "none"] as const;

export interface RaptrOptions {
  /** Expected layers in each of the stages, which are equally long, never fewer than before; L/2, 2L/3, 5L/6 and L when absent (6-8-10-12 of 12). */
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
  if (lengths.some((length, stage) => length < lengths[stage - 1]))
    throw new Error(`raptr: paths must not become shorter from stage to stage, unlike ${lengths.join(" | ")}`);
  if (lengths.length === 0 || lengths.length > steps)
    throw new Error(`raptr: ${lengths.length} stages do not fit into ${steps} steps`);
  const endOf = (index: number) => Math.floor(((index + 1) * steps) / lengths.length);
  const stages = lengths.map((_, index) => ({
    uniqueLayers: L,
    firstStep: index === 0 ? 0 : endOf(index - 1),
    endStep: endOf(index),
  }));
  const keptIn = (stage: number) => {
    const inner = (lengths[stage] - 2) / (L - 2);
    return Array.from({ length: L }, (_, layer) => (layer === 0 || layer === L - 1 ? 1 : inner));
  };
  const scales = { inverse: (p: number) => 1 / p, sqrt: (p: number) => 1 / Math.sqrt(p), none: () => 1 };
  return {
    ...scratch({}, call),
    name: "raptr",
    stages,
    grow: () => {},
    growthMap: () => null,
    layersAt: (_, depth) => (depth === L ? straightMap(L) : null),
    depths: (stage) => depthsOfKept(keptIn(stages.indexOf(stage))),
    planStep({ step, random }) {
      const stage = stages.findIndex(({ endStep }) => step < endStep);
      return planOfKept(keptIn(stage), scales[scale], random());
    },
  };
};
