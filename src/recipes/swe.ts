/**
 * Sharing, then unsharing, with a fixed moment of unsharing: SWE-F (methods B.8 [T]).
 *
 * All L layers are tied until a tenth of the run and independent from then on; the network is always L layers deep. A tied
 * layer learns from the mean of its uses' gradients, and the copies inherit its moments.
 */

import { apollo } from "./apollo.ts";
import type { Recipe } from "./recipe.ts";

export interface SweOptions {
  /** A: layers of the unit that is repeated L/A times, 1 when absent. */
  unitLayers?: number;
  /** Share of the steps until unsharing, 0.1 when absent. */
  boundary?: number;
}

export const swe: Recipe<SweOptions> = ({ unitLayers = 1, boundary = 0.1 }, call) => ({
  ...apollo(
    {
      stages: [unitLayers, call.targetDepth],
      boundaries: [boundary],
      depth: { sampler: "fs" },
      map: "stack",
      sharedGradient: "mean",
      optimizerAtGrowth: "copy",
    },
    call,
  ),
  name: "swe-f",
});
