/** What a run will cost, computed in seconds before it starts. */

import { type ExpectedScheduleCost, expectedScheduleCost } from "../apollo/cost.ts";
import { MAXIMUM_BYTES } from "../tensor/memory.ts";
import { type Experiment, methodOf, smallExperimentOf } from "./experiment.ts";
import { estimateMemory, MASKED_FRACTION, type MemoryEstimate } from "./memory-estimate.ts";

export interface RunPlan {
  cost: ExpectedScheduleCost;
  memory: MemoryEstimate;
  /** What the engine can have at most. */
  availableBytes: number;
  parameters: number;
  tokens: number;
  /** Of the small model that is trained first, if there is one: in none of the costs above. */
  smallModel: { steps: number; modelFlops: number } | null;
}

/** Expected depths, FLOPs and memory of an experiment, without what makes its first weights. @throws when its recipe does not fit. */
export function planRun(experiment: Experiment): RunPlan {
  const { model, training } = experiment;
  const { stages } = methodOf(experiment);
  const small = smallExperimentOf(experiment);
  const memory = estimateMemory({
    ...{ model, training },
    uniqueLayers: Math.max(...stages.map(({ uniqueLayers }) => uniqueLayers)),
  });
  return {
    cost: expectedCost(experiment),
    memory,
    availableBytes: MAXIMUM_BYTES,
    parameters: memory.parameterBytes / 16,
    tokens: tokensPerStep(experiment) * training.steps,
    smallModel: small && { steps: small.training.steps, modelFlops: expectedCost(small).modelFlops },
  };
}

/** What an experiment is expected to cost, as if every layer that runs learned. @throws when its recipe does not fit. */
export function expectedCost(experiment: Experiment): ExpectedScheduleCost {
  const { hidden, context, vocabulary, layers, family, inner } = experiment.model;
  const isBert = family === "bert";
  const method = methodOf(experiment);
  return expectedScheduleCost({
    stages: method.stages,
    expectedDepth: (stage) =>
      method.depths(stage).reduce((sum, { depth, probability }) => sum + depth * probability, 0),
    targetDepth: layers,
    size: {
      hidden,
      context,
      vocabulary,
      inner,
      headTransform: isBert,
      projectedFraction: isBert ? MASKED_FRACTION : 1,
    },
    tokensPerStep: tokensPerStep(experiment),
  });
}

const tokensPerStep = ({ model, training }: Experiment) => training.batch * training.microBatches * model.context;
