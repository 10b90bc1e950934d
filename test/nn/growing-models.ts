/** Tiny models of every form, of sizes that grow into one another, and what recipes make of them. */

import { withGrowthMasks } from "../../src/apollo/growth/growth-masks.ts";
import type { SizedModel } from "../../src/apollo/layered-model.ts";
import type { DescribedMethod, GrowthOperator, SmallModel } from "../../src/apollo/method.ts";
import { sharedPath } from "../../src/apollo/shared-layers.ts";
import type { StepPlan } from "../../src/apollo/step-plan.ts";
import { noGrad } from "../../src/autograd/index.ts";
import { Bert, Gpt, type Module } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import type { RecipeCall } from "../../src/recipes/recipe.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { causalBatch, expectSameNumbers, maskedBatch, weightsOf } from "./tiny-models.ts";

export type Model = Gpt | Bert;
export type Kind = "gpt" | "bert" | "bert pre-LN";
export const KINDS: Kind[] = ["gpt", "bert", "bert pre-LN"];

export interface Size {
  layers: number;
  heads: number;
}

/** Heads have four channels. */
export function modelOf(kind: Kind, { layers, heads }: Size, dropout = 0): Model {
  const options = { layers, heads, hidden: 4 * heads, context: 6, vocabulary: 11, dropout };
  return kind === "gpt" ? new Gpt(options) : new Bert({ ...options, norm: kind === "bert" ? "post" : "pre" });
}

/** Logits through a plan, or of the whole model. */
export function logitsOf(model: Model, plan?: StepPlan): ArrayLike<number> {
  model.eval();
  const path = plan && sharedPath(model.blocks, plan);
  const run = () => {
    if (model.family === "gpt") return (model as Gpt).forward(causalBatch(0).inputs, { path }).toFlatArray();
    const { inputs, positions } = maskedBatch(0);
    return (model as Bert).forward(inputs, positions, { path }).toFlatArray();
  };
  return scope(() => noGrad(() => withGrowthMasks(model, plan?.growthMasks, run)));
}

/** What a recipe may read of a small model that nothing was trained for. */
export const smallOf = (model: Model): SmallModel => ({ size: model.size, weights: model.stateDict() });

/** The first weights of a model by a recipe, as a run makes them: from a method that knows both sizes. */
export function begin(
  recipe: (call: RecipeCall) => DescribedMethod,
  model: Model,
  small: SmallModel,
  { steps = 10, seed = 1, optimizer = new AdamW([]) as Optimizer } = {},
): { method: DescribedMethod; operator: GrowthOperator | null } {
  const growth = { from: small.size, to: model.size };
  const method = recipe({ steps, targetDepth: model.size.layers, growth });
  const sized = model as unknown as SizedModel;
  return { method, operator: method.firstWeights!({ model: sized, small, optimizer, random: new Random(seed) }) };
}

/** Layer l of the large model is layer `sources[l]` of the small one, bit by bit, and all else is the small model's. */
export function expectCopies(small: Module, large: Module, sources: readonly number[]): void {
  const [before, after] = [weightsOf(small), weightsOf(large)];
  for (const [name, values] of after) {
    const source = name.replace(/^blocks\.(\d+)\./, (_, layer) => `blocks.${sources[Number(layer)]}.`);
    expectSameNumbers(values, before.get(source)!, name);
  }
}

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index])));
