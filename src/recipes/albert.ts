/**
 * ALBERT's sharing (methods B.10 [M]): one layer stands at all depths for the whole run, and nothing is ever untied. As many FLOPs as
 * Scratch, 1/L of its layers' parameters.
 */

import { apollo } from "./apollo.ts";
import type { Recipe } from "./recipe.ts";

export interface AlbertOptions {
  /** Layers of the unit that is repeated, 1 when absent. */
  unitLayers?: number;
}

export const albert: Recipe<AlbertOptions> = ({ unitLayers = 1 }, call) => {
  const { steps, targetDepth } = call;
  if (!(Number.isInteger(unitLayers) && unitLayers >= 1 && unitLayers < targetDepth))
    throw new Error(
      `albert: a unit that is repeated in ${targetDepth} layers has 1 to ${targetDepth - 1}, not ${unitLayers}`,
    );
  const shared = {
    stages: [unitLayers, targetDepth],
    boundaries: [0.5],
    depth: { sampler: "fs" },
    map: "stack",
  } as const;
  return {
    // The growth that Apollo would end with never comes.
    ...apollo(shared, { steps: Math.max(2, steps), targetDepth }),
    name: "albert",
    stages: [{ uniqueLayers: unitLayers, firstStep: 0, endStep: steps }],
  };
};
