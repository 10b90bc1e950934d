/**
 * HyperCloning (methods C.9 [T]): every hidden vector is cloned n-fold, and whoever reads the clones takes an n-th of each:
 * function-preserving growth in width with the circular map, for whole ratios. A new optimizer [D]. The diagonal
 * and noisy variants are not here.
 */

import { checkWholeRatio } from "../apollo/growth/parameter-axes.ts";
import { bert2bert } from "./bert2bert.ts";
import type { Recipe } from "./recipe.ts";

export const hypercloning: Recipe<object> = (_, call) => {
  if (call.growth !== undefined) {
    const { from, to } = call.growth;
    checkWholeRatio("hypercloning", from, to);
    if (from.layers !== to.layers)
      throw new Error(`hypercloning: it widens alone, and ${from.layers} layers cannot become ${to.layers}`);
  }
  return bert2bert({ knowledge: "fpi", widthMap: "circular" }, { ...call, name: "hypercloning" });
};
