/**
 * LiGO (methods B.3 [T]): an operator that makes the large model of a small trained one is trained for a hundred steps on the
 * loss, applied, and forgotten; then training as ever, with a new optimizer. The hundred steps count in the run's cost.
 *
 * The README of the authors' code inherits a warm-up of 10,000 steps, in which a hundred hardly move anything: the operator's
 * learning rate is an option, and its default is this project's choice; it warms up for 2.5 % of the hundred steps and goes by a cosine to 0
 * over them [D]. The authors' main run has 2e-4 without warm-up [C]; the main run here has the learning rate of all other methods.
 */

import { LigoOperator } from "../apollo/growth/ligo-operator.ts";
import type { LayerMapName } from "../apollo/layer-map.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface LigoRecipeOptions {
  operatorSteps?: number;
  /** Peak. */
  operatorLearningRate?: number;
  /** What the depth coefficients begin with. */
  depthMap?: LayerMapName;
}

/** Of the authors' configuration [C]. */
const OPERATOR_WEIGHT_DECAY = 0.1;

export const ligo: Recipe<LigoRecipeOptions> = (options, call) => {
  const { operatorSteps = 100, operatorLearningRate = 1e-3, depthMap = "stack" } = options;
  return {
    ...scratch({}, call),
    name: "ligo",
    firstWeights({ model, small, random }) {
      const operator = new LigoOperator({ large: model, small, depthMap, seed: random.integer(2 ** 31) });
      return {
        model: operator,
        steps: operatorSteps,
        learningRate: operatorLearningRate,
        weightDecay: OPERATOR_WEIGHT_DECAY,
        apply: () => operator.apply(),
      };
    },
  };
};
