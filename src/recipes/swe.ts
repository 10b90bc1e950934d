/**
 * Sharing, then unsharing (methods B.8 [T]): all L layers are tied at first and independent later; the network is always L layers
 * deep. A tied layer learns from the mean of its copies' gradients, and the copies inherit its moments.
 *
 * SWE-F unties at a fixed moment: one set of weights, used L times, until a tenth of the run. SWE-A and SWE-M look at the
 * correlation of neighbours' gradients, for which the copies are there from the start (see tied-layers.ts, also for what that does
 * to the gradient norm).
 */

import { splitGroups, TiedLayers, untieAll } from "../apollo/tied-layers.ts";
import { apollo } from "./apollo.ts";
import { checkUnit, type Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface SweOptions {
  /** A: layers of the unit that is repeated L/A times, 1 when absent. */
  unitLayers?: number;
  /** Share of the steps until unsharing, 0.1 when absent. */
  boundary?: number;
}

export const swe: Recipe<SweOptions> = ({ unitLayers = 1, boundary = 0.1 }, call) => {
  const name = "swe-f";
  checkUnit(name, unitLayers, call.targetDepth);
  const tied = apollo(
    {
      stages: [unitLayers, call.targetDepth],
      boundaries: [boundary],
      depth: { sampler: "fs" },
      map: "stack",
      sharedGradient: "mean",
      optimizerAtGrowth: "copy",
    },
    { ...call, name },
  );
  return { ...tied, name };
};

/** `all` (SWE-A) unties everything at once, `split` (SWE-M) a group wherever its neighbours part. */
export const UNTYING_RULES = ["all", "split"] as const;

export interface AdaptiveSweOptions {
  untying?: (typeof UNTYING_RULES)[number];
  /** A, 1 when absent. Neighbours are then copies of the same layer of the unit [D]. */
  unitLayers?: number;
  /** ρ, 0.5 when absent [T]. */
  threshold?: number;
  /** Updates between checks; a 500th of the run when absent, as 1k of 500k [T], at least 1 [D]. */
  checkEvery?: number;
}

export const adaptiveSwe: Recipe<AdaptiveSweOptions> = (options, call) => {
  const { steps, targetDepth } = call;
  const { untying = "all", unitLayers = 1, threshold = 0.5 } = options;
  const { checkEvery = Math.max(1, Math.round(steps / 500)) } = options;
  const name = untying === "all" ? "swe-a" : "swe-m";
  checkUnit(name, unitLayers, targetDepth);
  const rule = untying === "all" ? untieAll(threshold) : splitGroups(threshold);
  return {
    ...scratch({}, call),
    name,
    gradientRule: new TiedLayers({ layers: targetDepth, unitLayers, checkEvery, rule }),
  };
};
