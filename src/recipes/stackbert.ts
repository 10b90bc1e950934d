/**
 * StackBERT (methods B.1 [C]): train a quarter of the layers, stack them on themselves twice.
 *
 * The published script's phases are 12.5, 17.5 and 70 % of the steps; that the Apollo paper's baseline used them is
 * inferred. Each doubling starts Adam anew [C] (their tool can also copy moments, with step 0; that is not here). The map may also be an interpolation, which isolates what stacking does.
 */

import type { LayerMapName } from "../apollo/layer-map.ts";
import { apollo } from "./apollo.ts";
import { partOf, type Recipe } from "./recipe.ts";

export const STACKBERT_RATES = ["common", "original"] as const;

export interface StackBertOptions {
  /** N of each phase; L/4, L/2, L when absent. */
  stages?: readonly number[];
  boundaries?: readonly number[];
  map?: LayerMapName;
  /** The run's own schedule, or the published one: linear pieces, one per phase. */
  learningRate?: (typeof STACKBERT_RATES)[number];
}

/** Learning rates at the beginning and end of each phase, of 8e-4, and the share of the phase that warms up [C]. */
const PHASES = [
  { from: 1, to: 5.5 / 8, warmup: 0.2 },
  { from: 5.5 / 8, to: 3 / 8, warmup: 0 },
  { from: 3 / 8, to: 0, warmup: 0 },
];

export const stackbert: Recipe<StackBertOptions> = (options, call) => {
  const { targetDepth } = call;
  const name = "stackbert";
  const { stages = doublings(partOf(targetDepth, 4, { name, option: "stages" })) } = options;
  const { boundaries = [0.125, 0.3], map = "stack", learningRate = "common" } = options;
  const grown = apollo(
    { stages, boundaries, map, depth: { sampler: "none" }, optimizerAtGrowth: "reset_all" },
    { ...call, name },
  );
  if (learningRate === "common") return { ...grown, name };
  if (stages.length !== PHASES.length)
    throw new Error(
      `stackbert: the original learning rate has ${PHASES.length} phases, these stages are ${stages.length}`,
    );
  return {
    ...grown,
    name,
    learningRate: (peak) => (update) => {
      const phase = grown.stages.findIndex(({ endStep }) => update < endStep);
      const { firstStep, endStep } = grown.stages[phase];
      const { from, to, warmup } = PHASES[phase];
      const done = (update - firstStep) / (endStep - firstStep);
      if (done < warmup) return (peak * from * done) / warmup;
      return peak * (from + ((to - from) * (done - warmup)) / (1 - warmup));
    },
  };
};

const doublings = (quarter: number) => [quarter, 2 * quarter, 4 * quarter];
