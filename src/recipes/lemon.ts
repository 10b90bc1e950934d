/**
 * LEMON (methods C.5 [N] [C:YiteWang/lemon-pytorch]): lossless growth of pre-LN models. Units are copied in a circle, and what was read of them is split
 * at random between the copies, so that these come to learn different things; new layers add nothing at first. A new optimizer [D].
 *
 * (Adam's first update hardly tells copies apart, since their gradients differ in scale alone; from the second on they part.)
 * Published too are channels that take the mean of all where the ratio is not whole, and a faster decay of the learning rate; neither is
 * here: ratios must be whole, and the schedule is the run's.
 */

import { withIdentities } from "../apollo/growth/identity-layers.ts";
import { checkWholeRatio } from "../apollo/growth/parameter-axes.ts";
import { unitMap, withRandomSplits } from "../apollo/growth/widen.ts";
import { widerModel } from "../apollo/growth/wider-model.ts";
import { checkWidensWithNorm, type Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export const lemon: Recipe<object> = (_, call) => {
  checkWidensWithNorm("lemon", call);
  if (call.growth !== undefined) {
    const { from, to } = call.growth;
    checkWholeRatio("lemon", from, to);
    if (to.layers > from.layers && call.norm === "post")
      throw new Error("lemon: new layers are without effect in pre-LN models alone, and this one is post-LN");
  }
  return {
    ...scratch({}, call),
    name: "lemon",
    firstWeights(first) {
      const { model, small } = first;
      const wide = widerModel({
        ...first,
        makeMap: ({ from, to, random }) => withRandomSplits(unitMap("circular", from, to, random), random),
        layers: withIdentities(small.size.layers, model.size.layers),
      });
      model.loadStateDict(wide);
      return null;
    },
  };
};
