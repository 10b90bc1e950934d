/**
 * Table 4 in small: encoders that were pre-trained by several recipes until they were as good as Scratch at its end, each
 * fine-tuned on the embedded tasks.
 */

import { type Experiment, parseExperiment, type RecipeInput } from "../lab/experiment.ts";
import { NONE, SCRATCH, SUITES } from "./named-suites.ts";
import type { SuiteRecipe } from "./suite.ts";

/** A way of pre-training, with the peak that was best for it. */
export interface TransferRecipe extends SuiteRecipe {
  learningRate: number;
}

export interface TransferSuite {
  /** The first is the one whose end the others train up to. */
  recipes: readonly TransferRecipe[];
  tasks: readonly string[];
  seeds: number;
}

const PRETRAINING = SUITES["paper-bert"];
/** Of `paper-bert`: best for Scratch and for Apollo; StackBERT has its own; for what begins from a small model it is taken over. */
const BEST_RATE = 1e-3;
const SMALL = { hidden: 32, heads: 2, learningRate: BEST_RATE };

const recipeOf = (label: string): RecipeInput => PRETRAINING.recipes.find((recipe) => recipe.label === label)!.recipe;

export const TRANSFER: TransferSuite = {
  recipes: [
    { ...SCRATCH, learningRate: BEST_RATE },
    { label: "stackbert", recipe: recipeOf("stackbert"), learningRate: 2e-3 },
    { label: "bert2bert-aki", recipe: { kind: "bert2bert", knowledge: "aki", small: SMALL }, learningRate: BEST_RATE },
    { label: "ligo", recipe: { kind: "ligo", small: SMALL }, learningRate: BEST_RATE },
    { label: "apollo-lvps", recipe: recipeOf("apollo-lvps"), learningRate: BEST_RATE },
    { ...NONE, learningRate: BEST_RATE },
  ],
  tasks: ["sentiment", "brown-genre", "brown-tags", "same-sense", "factbook"],
  seeds: 5,
};

/** The pre-training of a recipe: the runs of `paper-bert`, with their data and budget. */
export function pretrainingOf({ label, recipe, learningRate }: TransferRecipe, seed: number): Experiment {
  const { model, data, training, evaluations } = PRETRAINING;
  return parseExperiment({
    ...{ name: label, model, data, recipe, evaluations, seed },
    training: { ...training, learningRate: { peak: learningRate } },
  });
}
