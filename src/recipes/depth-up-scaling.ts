/**
 * Depth up-scaling (SOLAR, methods C.7 [C]): two copies of a small trained model of n layers are put on top of each other, the
 * lower one without its topmost m layers, the upper one without its lowest m: layers 0 … n−m−1, then m … n−1, in all
 * L = 2(n−m). Then training as ever, with a new optimizer [D].
 *
 * Published is 32 layers with m = 8, which make 48. Here m follows from L and n; m = 0 is stacking.
 */

import { checkSameWidth } from "../apollo/growth/parameter-axes.ts";
import { unitMap } from "../apollo/growth/widen.ts";
import { widerModel } from "../apollo/growth/wider-model.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export const depthUpScaling: Recipe<object> = (_, call) => {
  const half = call.targetDepth / 2;
  if (!Number.isInteger(half))
    throw new Error(`depth-up-scaling: it makes an even number of layers, not ${call.targetDepth}`);
  if (call.growth !== undefined) {
    const { from, to } = call.growth;
    checkSameWidth(from, to);
    if (from.layers < half || from.layers >= 2 * half)
      throw new Error(
        `depth-up-scaling: ${2 * half} layers are made from ${half} to ${2 * half - 1}, not from ${from.layers}`,
      );
  }
  return {
    ...scratch({}, call),
    name: "depth-up-scaling",
    firstWeights(first) {
      const { model, small } = first;
      const dropped = small.size.layers - half;
      const layers = Array.from({ length: 2 * half }, (_, layer) => (layer < half ? layer : layer - half + dropped));
      model.loadStateDict(
        widerModel({ ...first, makeMap: ({ from, to, random }) => unitMap("circular", from, to, random), layers }),
      );
      return null;
    },
  };
};
