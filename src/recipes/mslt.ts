/**
 * MSLT, "progressively stacking 2.0" (methods B.6 [N] [C]): each stage puts copies of the topmost m layers on top and trains them alone,
 * with last norm and head; at full depth everything is trained to the end.
 *
 * A frozen layer costs its forward pass only, since nothing below it needs a gradient. Stages of L/4 layers are second-hand [M], and
 * their lengths, a tenth of the run each, this project's choice [D]. The token table is the head as well: its lookups are frozen
 * with the embeddings, and it learns as the head [D]. New layers start without moments. (A third-party note has new layers begin at
 * random; that is not here.)
 */

import { boundaryStep } from "../apollo/schedule.ts";
import { straightMap, straightPlan } from "../apollo/step-plan.ts";
import { blockOf, midas } from "./midas.ts";
import type { Recipe } from "./recipe.ts";

export interface MsltOptions {
  /** m, layers that every stage adds; L/4 when absent. */
  blockLayers?: number;
  /** Share of the run that each stage of growth lasts, and the training of the last new layers too; 0.1 when absent. */
  stageLength?: number;
}

export const mslt: Recipe<MsltOptions> = (options, call) => {
  const { steps, targetDepth: L } = call;
  const { stageLength = 0.1 } = options;
  const name = "mslt";
  const blockLayers = blockOf(name, L, options.blockLayers);
  const count = L / blockLayers;
  if (stageLength * count >= 1)
    throw new Error(`${name}: ${count} stages of ${stageLength} of the run leave nothing for the whole model`);
  const endOf = (stage: number) => boundaryStep(stageLength * (stage + 1), steps);
  const stages = Array.from({ length: count }, (_, index) => ({
    uniqueLayers: (index + 1) * blockLayers,
    firstStep: index === 0 ? 0 : endOf(index - 1),
    endStep: index === count - 1 ? steps : endOf(index),
  }));
  if (stages.some(({ firstStep, endStep }) => endStep <= firstStep))
    throw new Error(`${name}: stages of ${stageLength} of ${steps} steps are too short`);
  return {
    // The lengths of its stages are not used: equal ones are possible wherever any are.
    ...midas({ blockLayers, copied: "last", alpha: 0 }, { ...call, name }),
    stages,
    planStep({ step, uniqueLayers }) {
      const plan = straightPlan(uniqueLayers);
      // The first stage has no layers below; after the last stage's share everything learns.
      if (uniqueLayers === blockLayers || step >= endOf(count - 1)) return plan;
      return { ...plan, trainable: straightMap(uniqueLayers).slice(-blockLayers), freezesEmbeddings: true };
    },
  };
};
