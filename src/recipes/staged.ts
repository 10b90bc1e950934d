/**
 * Staged training (methods B.7 [C]): the whole training state of a small model, Adam's averages and step counts too, becomes that
 * of one twice as wide, twice as deep, or both, and training goes on from a place in the schedule.
 *
 * Depth: `append` stacks, `alternate` puts each copy behind its layer, as in the released commands. The paper makes the copies change
 * nothing; in the released code that has no effect, weights and averages are copied as they are, and so here unless `identity`
 * is set: then the projections into the stream are 0, which keeps the function of pre-LN models, and copies begin without
 * averages [D].
 *
 * Learning rate: published is to go on where training the large model from the start has the small one's loss, and to warm up again
 * over 150–200 steps [C]. That place takes a pilot run to know: 3319 (width) and 4449 (depth) of 250,000 steps in the released
 * commands, which are 1.1 and 1.5 warm-ups. The default, 3 %, lies as far behind the warm-up of 2.5 % here, and 0.08 % of the run
 * is 200 of 250,000 [D]. The schedule is a cosine, whatever that of the small run.
 *
 * When to grow: published is a threshold for the slope of the loss, from pilot runs as well. Here growth is at the end of the small run,
 * whose steps are an option [D]. Its learning rate has decayed by then, unlike in the paper, unless its schedule is constant.
 *
 * Without dropout the halves of a doubled model are interchangeable and stay so, but for rounding [D].
 */

import { doubleState, type LayerCopy } from "../apollo/growth/double-state.ts";
import { layerMap } from "../apollo/layer-map.ts";
import type { ModelSize } from "../nn/index.ts";
import { learningRateSchedule } from "../optim/learning-rate.ts";
import { checkWidensWithNorm, type Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export const DEPTH_COPIES = ["append", "alternate"] as const;

export interface StagedOptions {
  depthCopies?: (typeof DEPTH_COPIES)[number];
  /** Whether copied layers change nothing at first; false when absent. */
  identity?: boolean;
  /** Share of the schedule that counts as passed, in [0, 1): the run is the rest. 0.03 when absent. */
  restartShare?: number;
  /** Share of the run that warms up again, in [0, 1); 0.0008 when absent, at least one update unless 0. */
  rewarmShare?: number;
}

export const staged: Recipe<StagedOptions> = (options, call) => {
  const { steps, growth } = call;
  const { depthCopies = "alternate", identity = false, restartShare = 0.03, rewarmShare = 0.0008 } = options;
  const copies = (from: number, to: number): LayerCopy[] => {
    const map = layerMap(depthCopies === "append" ? "stack" : "interp_floor", from, to);
    return map.map((source, layer) => ({ source, isIdentity: identity && map.indexOf(source) < layer }));
  };
  checkWidensWithNorm("staged", call);
  if (growth !== undefined) checkDoubling(growth.from, growth.to);
  return {
    ...scratch({}, call),
    name: "staged",
    firstWeights(first) {
      const { small, model } = first;
      doubleState({ ...first, layers: copies(small.size.layers, model.size.layers) });
      return null;
    },
    learningRate(peak) {
      const passed = Math.round((restartShare / (1 - restartShare)) * steps);
      const rewarm = rewarmShare === 0 ? 0 : Math.max(1, Math.round(rewarmShare * steps));
      const whole = learningRateSchedule({ kind: "cosine", peak, steps: passed + steps });
      return (update) => (update < rewarm ? (whole(passed + rewarm) * update) / rewarm : whole(passed + update));
    },
  };
};

/** @throws unless layers, channels or both double. */
function checkDoubling(from: ModelSize, to: ModelSize): void {
  const ratios = [to.layers / from.layers, to.hidden / from.hidden];
  if (ratios.every((ratio) => ratio === 1 || ratio === 2) && ratios.includes(2)) return;
  throw new Error(
    `staged: ${from.layers} layers of ${from.hidden} channels cannot become ${to.layers} of ${to.hidden}; layers, channels or both must double`,
  );
}
