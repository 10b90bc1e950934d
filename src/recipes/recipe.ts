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
  /** What complaints call the method, where a recipe serves another one; the recipe's own name when absent. */
  name?: string;
}

/** @throws where a post-LN GPT would grow wider, before anything is trained: growth by copies refuses it (`checkNormBeforeHead`). */
export function checkWidensWithNorm(name: string, { growth, family, norm }: RecipeCall): void {
  if (growth === undefined || growth.to.hidden === growth.from.hidden) return;
  if (family === "gpt" && norm === "post") throw new Error(`${name}: ${NO_NORM_BEFORE_HEAD}`);
}

/** One of `count` equal parts of L, which a method takes when `option` is absent. @throws when it is not whole, naming the option. */
export function partOf(L: number, count: number, { name, option }: { name: string; option: string }): number {
  if (L % count !== 0)
    throw new Error(`${name}: ${L} layers do not make ${count} equal parts; ${option} must be given`);
  return L / count;
}

/** @throws unless a unit of so many layers is repeated in a model of L. */
export function checkUnit(name: string, unitLayers: number, L: number): void {
  if (L < 2) throw new Error(`${name}: a unit is repeated in two layers or more, not in ${L}`);
  if (!(Number.isInteger(unitLayers) && unitLayers >= 1 && unitLayers < L))
    throw new Error(`${name}: a unit that is repeated in ${L} layers has 1 to ${L - 1}, not ${unitLayers}`);
}

export type Recipe<Options> = (options: Options, call: RecipeCall) => DescribedMethod;
