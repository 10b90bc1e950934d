/**
 * G_stack (methods C.1 [C]): train L/g layers for a while, stack them g times, and train on as if from the beginning: a
 * new AdamW and a whole schedule, while the data goes on.
 *
 * g = 4 is the published best. How long the small model trains is published as a law for models of 10⁸ parameters and
 * more, which for small ones asks for more tokens than there are; the tenth of the run taken here is this project's choice [D]. Published too are a
 * decay to a tenth, 0.1 of weight decay, moments of 0.9 and 0.95, and a larger peak for the small model; here both phases have the cosine to 0
 * and the peak of all other methods [D], whatever the run's schedule.
 */

import { learningRateSchedule } from "../optim/learning-rate.ts";
import { apollo } from "./apollo.ts";
import type { Recipe } from "./recipe.ts";

export interface GStackOptions {
  /** g, 4 when absent. */
  growthFactor?: number;
  /** Share of the steps before growth. */
  boundary?: number;
}

export const gstack: Recipe<GStackOptions> = ({ growthFactor = 4, boundary = 0.1 }, call) => {
  const { targetDepth, steps } = call;
  const name = "gstack";
  if (!(Number.isInteger(growthFactor) && growthFactor >= 2))
    throw new Error(`${name}: layers are stacked two times or more, not ${growthFactor}`);
  if (targetDepth % growthFactor !== 0)
    throw new Error(`${name}: no whole number of layers, stacked ${growthFactor} times, makes ${targetDepth}`);
  const stages = [targetDepth / growthFactor, targetDepth];
  const grown = apollo(
    { stages, boundaries: [boundary], map: "stack", depth: { sampler: "none" }, optimizerAtGrowth: "reset_all" },
    { ...call, name },
  );
  const growth = grown.stages[0].endStep;
  return {
    ...grown,
    name,
    learningRate: (peak) => {
      const small = learningRateSchedule({ kind: "cosine", peak, steps: growth });
      const large = learningRateSchedule({ kind: "cosine", peak, steps: steps - growth });
      return (update) => (update < growth ? small(update) : large(update - growth));
    },
  };
};
