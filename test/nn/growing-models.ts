/** Tiny models of every form, of sizes that grow into one another, for the tests of growth in width. */

import { withGrowthMasks } from "../../src/apollo/growth/growth-masks.ts";
import { sharedPath } from "../../src/apollo/shared-layers.ts";
import type { StepPlan } from "../../src/apollo/step-plan.ts";
import { noGrad } from "../../src/autograd/index.ts";
import { Bert, Gpt } from "../../src/nn/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import { causalBatch, maskedBatch } from "./tiny-models.ts";

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

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index])));
