/**
 * Mango (methods B.5 [N] [M], reconstructed: no code is public): as LiGO, but every matrix of the large model is made of all
 * matrices of the small one, by a ring of four cores that is trained for a hundred steps on the loss, applied, and forgotten.
 *
 * Rank 1 sufficed in the authors' study [M]. Learning rate, its schedule and the depth map are LiGO's [D]; coefficients do not decay, since what
 * shrinks them shrinks the weights that they copy [D]. A new optimizer for the run itself [D].
 */

import { checkRingFits, MangoOperator } from "../apollo/growth/mango-operator.ts";
import type { LigoRecipeOptions } from "./ligo.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface MangoRecipeOptions extends LigoRecipeOptions {
  /** R of the ring; 1 when absent. */
  rank?: number;
}

export const mango: Recipe<MangoRecipeOptions> = (options, call) => {
  const { operatorSteps = 100, operatorLearningRate = 1e-3, depthMap = "stack", rank = 1 } = options;
  if (call.growth !== undefined) checkRingFits({ ...call.growth, rank });
  return {
    ...scratch({}, call),
    name: "mango",
    firstWeights({ model, small, random }) {
      const operator = new MangoOperator({ large: model, small, rank, depthMap, seed: random.integer(2 ** 31) });
      return {
        model: operator,
        steps: operatorSteps,
        learningRate: operatorLearningRate,
        weightDecay: 0,
        apply: () => operator.apply(),
      };
    },
  };
};
