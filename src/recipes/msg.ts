/**
 * Masked structural growth (methods C.6 [C]): new units and layers are random and masked out, so that the function is the small model's
 * at any ratio of sizes; then masks go linearly from 0 to 1, one dimension after the other. Adam's averages of the old units are kept.
 *
 * All units of the large model are there from the beginning [D]; the authors' code adds those of a dimension when its turn comes, and until
 * then trains, and pays for, the smaller model. What MSG costs here is an upper bound.
 *
 * The authors ramp the dimensions in the order inner layers, depth, stream, heads, depth [C], over 5,000 steps each where nothing else is said; both
 * published scripts say 5, of 100 steps, evidently demonstrations. A share of the run instead is this project's choice, and so is depth last:
 * layers whose mask is still 0 are not run, and cost nothing until their turn [D].
 *
 * New layers are on top, and random as methods C.6 has them. The authors' code disagrees: `--new_block_init_strategy` of its run_grow_bert.py is
 * "copy" by default, and no published script sets it, so that their new layers begin as copies under the mask [C]; that is not here [D].
 *
 * The run's learning-rate schedule begins at growth: it is rewound, as theirs can be, which has no second warm-up then (`warmupRatio: 0`).
 */

import { addUnits } from "../apollo/growth/add-units.ts";
import type { GrowthMasks } from "../apollo/growth/growth-masks.ts";
import { type Space, unitsOf } from "../apollo/growth/parameter-axes.ts";
import { type StepPlan, straightMap, straightPlan } from "../apollo/step-plan.ts";
import { checkWidensWithNorm, type Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface MsgOptions {
  /** Share of the run that the mask of each dimension takes from 0 to 1; 0.05 when absent [D]. */
  rampLength?: number;
}

/** Wider are all three spaces, or none of them. */
const SPACES: readonly Space[] = ["inner", "residual", "heads"];

export const msg: Recipe<MsgOptions> = ({ rampLength = 0.05 }, call) => {
  const { steps, targetDepth: L, growth } = call;
  checkWidensWithNorm("msg", call);
  const rampSteps = Math.max(1, Math.round(rampLength * steps));
  // Where sizes are not known yet, all may grow.
  const isWider = growth === undefined || growth.to.hidden > growth.from.hidden;
  const oldLayers = growth?.from.layers ?? L;
  const spaces = isWider ? SPACES : [];
  const ramps = spaces.length + (growth === undefined || oldLayers < L ? 1 : 0);
  if (ramps * rampSteps >= steps)
    throw new Error(`msg: ${ramps} ramps of ${rampLength} of ${steps} steps leave none for the whole model`);
  const maskAt = (ramp: number, step: number) => Math.min(1, Math.max(0, (step - ramp * rampSteps) / rampSteps));

  const planAt = (step: number): StepPlan => {
    if (growth === undefined) throw new Error("msg: the sizes of the small model are not known");
    const units = unitsOf(growth.from);
    const masks: GrowthMasks = {};
    spaces.forEach((space, ramp) => {
      const factor = maskAt(ramp, step);
      if (factor < 1) masks[space] = { kept: units[space], factor };
    });
    const ofNewLayers = maskAt(spaces.length, step);
    const { positions, ...rest } = straightPlan(ofNewLayers === 0 ? oldLayers : L);
    return {
      ...rest,
      positions: positions.map((position) =>
        position.weight < oldLayers || ofNewLayers === 1 ? position : { ...position, growthMask: ofNewLayers },
      ),
      ...(Object.keys(masks).length > 0 && { growthMasks: masks }),
    };
  };

  const whole = scratch({}, call);
  const shallowSteps = oldLayers < L ? spaces.length * rampSteps + 1 : 0;
  return {
    ...whole,
    name: "msg",
    planStep: ({ step }) => planAt(step),
    planFullDepth: (uniqueLayers, updates) =>
      updates === undefined ? whole.planFullDepth(uniqueLayers) : planAt(updates),
    layersAt: (_, depth) => straightMap(depth),
    growthMap: () => null,
    depths: () =>
      [
        { depth: oldLayers, probability: shallowSteps / steps },
        { depth: L, probability: 1 - shallowSteps / steps },
      ].filter(({ probability }) => probability > 0),
    firstWeights(first) {
      const { family, blocks } = first.model;
      if (family === "gpt" && blocks[0]?.norm === "post")
        throw new Error(
          "msg: the first layer of post-LN GPT reads the stream without a norm, which new channels would disturb",
        );
      addUnits(first);
      return null;
    },
  };
};
