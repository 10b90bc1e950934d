/**
 * Zero- and one-layer expansion (methods C.3 [N]): train a single layer, or embeddings and head alone, for most of the run, expand once to
 * the full depth, and let the learning rate stand until a last short decay (WSD), without which late growth fails.
 *
 * Copies of the one layer make the new ones, or these begin at random, as they must where there was none; until growth such a model is
 * evaluated at the depth that it is trained at. The published optimizer is Muon with muP scaling; here it is AdamW, as for all, whose moments stay
 * with the slot [D]. The schedule is the method's own, whatever the run's.
 */

import { growByMap, type OptimizerPolicy } from "../apollo/growth/grow-layers.ts";
import { straightMap, straightPlan } from "../apollo/step-plan.ts";
import { learningRateSchedule } from "../optim/learning-rate.ts";
import { apollo } from "./apollo.ts";
import type { Recipe } from "./recipe.ts";

export const NEW_LAYERS = ["copy", "random"] as const;

/** Policies that need no copies. */
const KEPT_OR_GONE: readonly OptimizerPolicy[] = ["slot", "reset", "reset_all"];

export interface OneLayerOptions {
  /** Before expansion, 1 when absent. */
  layers?: 0 | 1;
  /** What new layers begin as; copies when absent, where there is a layer to copy. */
  newLayers?: (typeof NEW_LAYERS)[number];
  /** τ, share of the steps before expansion, 0.8 when absent. */
  boundary?: number;
  optimizerAtGrowth?: OptimizerPolicy;
}

export const oneLayer: Recipe<OneLayerOptions> = (options, call) => {
  const {
    layers = 1,
    newLayers = layers === 0 ? "random" : "copy",
    boundary = 0.8,
    optimizerAtGrowth = "slot",
  } = options;
  const name = layers === 0 ? "zero-layer" : "one-layer";
  if (call.targetDepth < 2) throw new Error(`${name}: it expands to two layers or more, not to ${call.targetDepth}`);
  if (layers === 0 && newLayers === "copy")
    throw new Error(`${name}: there is no layer to copy; new layers are random`);
  if (newLayers === "random" && !KEPT_OR_GONE.includes(optimizerAtGrowth))
    throw new Error(`${name}: random new layers are copies of none, for which "${optimizerAtGrowth}" means nothing`);
  const method = {
    ...apollo(
      { stages: [1, call.targetDepth], boundaries: [boundary], depth: { sampler: "none" }, optimizerAtGrowth },
      { ...call, name },
    ),
    name,
    learningRate: (peak: number) =>
      learningRateSchedule({ kind: "wsd", peak, steps: call.steps, warmupRatio: 0.02, decayRatio: 0.1 }),
  };
  if (newLayers === "copy") return method;
  const [first, last] = method.stages;
  const planOf = (uniqueLayers: number) => straightPlan(uniqueLayers);
  return {
    ...method,
    stages: [{ ...first, uniqueLayers: layers }, last],
    planStep: ({ uniqueLayers }) => planOf(uniqueLayers),
    planFullDepth: planOf,
    // A layer that was never used still is as it was initialised: only what is known of those that were can go.
    grow: ({ blocks, optimizer, to }) =>
      growByMap({ blocks, optimizer, from: to, to }, straightMap(to), optimizerAtGrowth),
    depths: ({ uniqueLayers }) => [{ depth: uniqueLayers, probability: 1 }],
    layersAt: (uniqueLayers) => straightMap(uniqueLayers),
    growthMap: () => null,
  };
};
