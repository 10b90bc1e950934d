/** A recipe turns options and the length of a run into a method. */

import { NO_NORM_BEFORE_HEAD } from "../apollo/growth/parameter-axes.ts";
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
  /** Of the model, where it is known. */
  family?: "gpt" | "bert";
  norm?: "pre" | "post";
}

/** @throws where a post-LN GPT would grow wider, before anything is trained: growth by copies refuses it (`checkNormBeforeHead`). */
export function checkWidensWithNorm(name: string, { growth, family, norm }: RecipeCall): void {
  if (growth === undefined || growth.to.hidden === growth.from.hidden) return;
  if (family === "gpt" && norm === "post") throw new Error(`${name}: ${NO_NORM_BEFORE_HEAD}`);
}

export type Recipe<Options> = (options: Options, call: RecipeCall) => DescribedMethod;
