/**
 * Apollo: N unique layers that grow by stages, a depth drawn at each step, layers shared through a map (methods A).
 *
 * Defaults where the paper is silent or its formula needs repair: `int` LVPS with k = 0 (A.6 [D]), `interp_floor` (A.3 [R]),
 * optimizer state bound to its slot (A.8 [R]), gradients of shared layers summed, one draw per update [P].
 */

import { type DepthSamplerOptions, depthSampler } from "../apollo/depth-sampler.ts";
import { growByMap, type OptimizerPolicy } from "../apollo/growth/grow-layers.ts";
import { type LayerMapName, layerMap } from "../apollo/layer-map.ts";
import { stagePlan } from "../apollo/schedule.ts";
import { planFromMap } from "../apollo/step-plan.ts";
import type { Recipe } from "./recipe.ts";

export interface ApolloOptions {
  /** N of each stage; the last is L. */
  stages: readonly number[];
  /** Where stages end, as fractions of T; one fewer than stages. */
  boundaries: readonly number[];
  depth?: DepthSamplerOptions;
  map?: LayerMapName;
  optimizerAtGrowth?: OptimizerPolicy;
  depthDraw?: "step" | "microbatch";
  sharedGradient?: "sum" | "mean";
}

export const apollo: Recipe<ApolloOptions> = (options, { steps, targetDepth, name }) => {
  const { stages, boundaries, depth = { sampler: "lvps" }, map = "interp_floor", optimizerAtGrowth = "slot" } = options;
  const { depthDraw = "step", sharedGradient = "sum" } = options;
  const sampler = depthSampler(depth);
  const layersAt = (uniqueLayers: number, depthNow: number) => layerMap(map, uniqueLayers, depthNow);
  const plan = stagePlan({ stages, boundaries, steps, targetDepth, name });
  // A sampler that cannot serve a stage, for its k, is refused here and not in the middle of a run.
  for (const { uniqueLayers } of plan) sampler.expectedDepth(uniqueLayers, targetDepth);
  return {
    name: `apollo-${depth.sampler}`,
    stages: plan,
    planStep: ({ uniqueLayers, uniform }) =>
      planFromMap(layersAt(uniqueLayers, sampler.depthFromUniform(uniform, uniqueLayers, targetDepth))),
    planFullDepth: (uniqueLayers) => planFromMap(layersAt(uniqueLayers, targetDepth)),
    grow: (call) => growByMap(call, layersAt(call.from, call.to), optimizerAtGrowth),
    depthDraw,
    sharedGradient,
    depths: ({ uniqueLayers }) => sampler.depths(uniqueLayers, targetDepth),
    layersAt,
    growthMap: layersAt,
  };
};
