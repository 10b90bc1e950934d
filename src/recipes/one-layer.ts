/**
 * One-layer expansion (methods C.3 [N]): train a single layer for most of the run, expand once to the full depth, and let the
 * learning rate stand until a last short decay (WSD), without which late growth fails.
 *
 * Copies of the layer make the new ones. The published optimizer is Muon with muP scaling; here it is AdamW, as for all, whose moments
 * stay with the slot [D]. The schedule is the method's own, whatever the run's. Zero layers, and new layers at random, are not here.
 */

import type { OptimizerPolicy } from "../apollo/growth/grow-layers.ts";
import { learningRateSchedule } from "../optim/learning-rate.ts";
import { apollo } from "./apollo.ts";
import type { Recipe } from "./recipe.ts";

export interface OneLayerOptions {
  /** τ, share of the steps before expansion, 0.8 when absent. */
  boundary?: number;
  optimizerAtGrowth?: OptimizerPolicy;
}

export const oneLayer: Recipe<OneLayerOptions> = ({ boundary = 0.8, optimizerAtGrowth = "slot" }, call) => ({
  ...apollo(
    { stages: [1, call.targetDepth], boundaries: [boundary], depth: { sampler: "none" }, optimizerAtGrowth },
    call,
  ),
  name: "one-layer",
  learningRate: (peak) =>
    learningRateSchedule({ kind: "wsd", peak, steps: call.steps, warmupRatio: 0.02, decayRatio: 0.1 }),
});
