/** A recipe turns options and the length of a run into a method. */

import type { DescribedMethod } from "../apollo/method.ts";

/** What a recipe may know of the run it serves. */
export interface RecipeCall {
  /** T, updates in the whole run. */
  steps: number;
  /** L */
  targetDepth: number;
}

export type Recipe<Options> = (options: Options, call: RecipeCall) => DescribedMethod;
