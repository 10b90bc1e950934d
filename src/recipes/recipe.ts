/** A recipe turns options and the length of a run into a method. */

import type { DescribedMethod } from "../apollo/method.ts";
import type { ModelSize } from "../nn/index.ts";

/** What a recipe may know of the run it serves. */
export interface RecipeCall {
  /** T, updates in the whole run. */
  steps: number;
  /** L */
  targetDepth: number;
  /** The small model that the run begins from, and the large one, as soon as these are known: before the first weights are made. */
  growth?: { from: ModelSize; to: ModelSize };
}

export type Recipe<Options> = (options: Options, call: RecipeCall) => DescribedMethod;
