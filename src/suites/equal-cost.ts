/** A control that the paper lacks: growth without sampling, given the FLOPs that sampling would have cost (methods D.4, Fig. 7). */

import { type Experiment, parseExperiment, type RecipeInput } from "../lab/experiment.ts";
import { expectedCost } from "../lab/plan.ts";

type ApolloInput = Extract<RecipeInput, { kind: "apollo" }>;

/**
 * Growth alone with every stage stretched until it costs as much as the sampled stage is expected to, the head included; the last
 * one, which samples nothing, stays as it is. The run has more updates, sees more tokens, and costs the same.
 * @param sampled an experiment whose recipe is Apollo with a sampler.
 * @throws when its recipe is another.
 */
export function stretchedWithoutSampling(sampled: Experiment): { recipe: ApolloInput; steps: number } {
  const { recipe } = sampled;
  if (recipe.kind !== "apollo") throw new Error(`equal cost: the recipe ${recipe.kind} samples no depths`);
  const growing: ApolloInput = { ...recipe, depth: { sampler: "none" } };
  const costs = [sampled, parseExperiment({ ...sampled, recipe: growing })].map(
    (experiment) => expectedCost(experiment).stages,
  );
  const lengths = costs[0].map(({ steps, modelFlops }, stage) =>
    Math.round((steps * modelFlops) / costs[1][stage].modelFlops),
  );
  const ends = lengths.map((_, stage) => lengths.slice(0, stage + 1).reduce((sum, length) => sum + length, 0));
  const steps = ends[ends.length - 1];
  return { recipe: { ...growing, boundaries: ends.slice(0, -1).map((end) => end / steps) }, steps };
}
