/**
 * HyperCloning (methods C.9 [T]): every hidden vector is cloned n-fold, and whoever reads the clones takes an n-th of each:
 * function-preserving growth in width with the circular map, for whole ratios. A new optimizer, as for all that begin from a small model.
 */

import { bert2bert } from "./bert2bert.ts";
import type { Recipe } from "./recipe.ts";

export const hypercloning: Recipe<object> = (_, call) => {
  const cloning = bert2bert({ knowledge: "fpi", widthMap: "circular" }, call);
  return {
    ...cloning,
    name: "hypercloning",
    firstWeights(first) {
      const [from, to] = [first.small.size.hidden, first.model.size.hidden];
      if (to % from !== 0) throw new Error(`hypercloning: ${to} channels are no whole number of clones of ${from}`);
      return cloning.firstWeights!(first);
    },
  };
};
