/**
 * LEMON (methods C.5 [N]): lossless growth of pre-LN models. Units are copied in a circle, and what was read of them is split
 * unequally between the copies, so that these learn different things from the first step; new layers add nothing at first.
 *
 * Published too are channels that take the mean of all where the ratio is not whole, and a faster decay of the learning rate; neither is
 * here: ratios must be whole, and the schedule is the run's.
 */

import { withIdentities } from "../apollo/growth/identity-layers.ts";
import { unitMap, withUnequalShares } from "../apollo/growth/widen.ts";
import { widerModel } from "../apollo/growth/wider-model.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export const lemon: Recipe<object> = (_, call) => ({
  ...scratch({}, call),
  name: "lemon",
  firstWeights(first) {
    const { model, small } = first;
    const [from, to] = [small.size.hidden, model.size.hidden];
    if (to % from !== 0) throw new Error(`lemon: ${to} channels are no whole multiple of ${from}`);
    const wide = widerModel({
      ...first,
      makeMap: (growth) => withUnequalShares(unitMap("circular", growth.from, growth.to, growth.random), growth.random),
      layers: withIdentities(small.size.layers, model.size.layers),
    });
    model.loadStateDict(wide);
    return null;
  },
});
