/**
 * ALBERT's sharing (methods B.10 [M]): one layer stands at all depths for the whole run, and nothing is ever untied. As many FLOPs as
 * Scratch, 1/L of its layers' parameters. ALBERT's factorised embedding, and the per-depth embedding and halting of the Universal
 * Transformer, are not here.
 */

import { layerMap } from "../apollo/layer-map.ts";
import { planFromMap } from "../apollo/step-plan.ts";
import { checkUnit, type Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface AlbertOptions {
  /** Layers of the unit that is repeated, 1 when absent. */
  unitLayers?: number;
}

export const albert: Recipe<AlbertOptions> = ({ unitLayers = 1 }, call) => {
  const { steps, targetDepth } = call;
  checkUnit("albert", unitLayers, targetDepth);
  const layersAt = (uniqueLayers: number, depth: number) => layerMap("stack", uniqueLayers, depth);
  const plan = planFromMap(layersAt(unitLayers, targetDepth));
  return {
    ...scratch({}, call),
    name: "albert",
    stages: [{ uniqueLayers: unitLayers, firstStep: 0, endStep: steps }],
    planStep: () => plan,
    planFullDepth: () => plan,
    depths: () => [{ depth: targetDepth, probability: 1 }],
    layersAt,
    growthMap: () => null,
  };
};
