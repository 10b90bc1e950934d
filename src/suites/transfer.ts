/**
 * Table 4 in small: encoders that were pre-trained by several recipes until they were as good as Scratch at its end, each
 * fine-tuned on the embedded tasks.
 */

import { contentHash } from "../data/files.ts";
import type { FineTuneOptions } from "../finetune/fine-tune.ts";
import { type Experiment, experimentHash, parseExperiment, type RecipeInput } from "../lab/experiment.ts";
import type { TransferMode } from "../report/transfer-record.ts";
import { SCRATCH, SUITES } from "./named-suites.ts";
import type { Suite, SuiteRecipe } from "./suite.ts";

/** A way of pre-training, with the peak that was best for it. */
export interface TransferRecipe extends SuiteRecipe {
  learningRate: number;
}

/** A task, and how much of it is learned. */
export interface TransferTask {
  name: string;
  /** Of the training side, from its beginning. */
  examples: number;
  mode: TransferMode;
  training: Pick<FineTuneOptions, "epochs" | "batch" | "learningRate" | "weightDecay"> & { dropout: number };
}

export interface TransferSuite {
  /** What every pre-training has in common. */
  pretraining: Pick<Suite, "model" | "data" | "training" | "evaluations">;
  /** The first is the one whose end the others train up to. */
  recipes: readonly TransferRecipe[];
  tasks: readonly TransferTask[];
  seeds: number;
}

/** The row of an encoder that was never trained. */
export const UNTRAINED = "untrained";

const PRETRAINING = SUITES["paper-bert"];
/** Of `paper-bert`: best for Scratch and for Apollo; StackBERT has its own; for what begins from a small model it is taken over. */
const BEST_RATE = 1e-3;
const SMALL = { hidden: 32, heads: 2, learningRate: BEST_RATE };

const recipeOf = (label: string): RecipeInput => PRETRAINING.recipes.find((recipe) => recipe.label === label)!.recipe;

/** BERT's settings, with the learning rate that its hidden size suggests; a head alone bears, and needs, a larger one. */
const TUNING = { epochs: 3, batch: 16, learningRate: 6e-4, weightDecay: 0.01, dropout: 0.1 };
const PROBING = { ...TUNING, learningRate: 1e-2, dropout: 0 };
const tuned = (name: string, examples: number): TransferTask => ({
  name,
  examples,
  mode: "fine-tuned",
  training: TUNING,
});
const probed = (name: string, examples: number): TransferTask => ({ name, examples, mode: "probe", training: PROBING });

export const TRANSFER: TransferSuite = {
  pretraining: PRETRAINING,
  recipes: [
    { ...SCRATCH, learningRate: BEST_RATE },
    { label: "stackbert", recipe: recipeOf("stackbert"), learningRate: 2e-3 },
    { label: "bert2bert-aki", recipe: { kind: "bert2bert", knowledge: "aki", small: SMALL }, learningRate: BEST_RATE },
    { label: "ligo", recipe: { kind: "ligo", small: SMALL }, learningRate: BEST_RATE },
    { label: "apollo-lvps", recipe: recipeOf("apollo-lvps"), learningRate: BEST_RATE },
  ],
  tasks: [
    ...[tuned("sentiment", 2369), tuned("brown-genre", 1500), tuned("brown-tags", 1500)],
    ...[tuned("same-sense", 1500), tuned("factbook", 500)],
    ...[probed("brown-tags", 1500), probed("sentiment", 2369), probed("brown-genre", 1500)],
  ],
  seeds: 5,
};

/** The pre-training of a recipe. */
export function pretrainingOf(
  { pretraining }: Pick<TransferSuite, "pretraining">,
  { label, recipe, learningRate }: TransferRecipe,
  seed: number,
): Experiment {
  const { model, data, training, evaluations } = pretraining;
  return parseExperiment({
    ...{ name: label, model, data, recipe, evaluations, seed },
    training: { ...training, learningRate: { peak: learningRate } },
  });
}

/** A name for how an encoder comes about, and for how good it is to become. */
export function encoderHash(suite: TransferSuite, label: string, seed: number): string {
  const hashOf = (recipe: TransferRecipe) => experimentHash(pretrainingOf(suite, recipe, seed));
  const recipe = suite.recipes.find((one) => one.label === label);
  return shortHash({
    pretraining: recipe === undefined ? UNTRAINED : hashOf(recipe),
    target: hashOf(suite.recipes[0]),
  });
}

/** A name for how a task is learned. */
export const taskHash = (task: TransferTask) => shortHash(task);

const shortHash = (settings: object) => contentHash([JSON.stringify(settings)]).slice(0, 16);
