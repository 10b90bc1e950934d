/** What a run will cost, computed in seconds before it starts. */

import { type ExpectedScheduleCost, expectedScheduleCost } from "../apollo/cost.ts";
import { MAXIMUM_BYTES } from "../tensor/memory.ts";
import { type Experiment, methodOf } from "./experiment.ts";
import { estimateMemory, MASKED_FRACTION, type MemoryEstimate } from "./memory-estimate.ts";

export interface RunPlan {
  cost: ExpectedScheduleCost;
  memory: MemoryEstimate;
  /** What the engine can have at most. */
  availableBytes: number;
  parameters: number;
  tokens: number;
}

/** Expected depths, FLOPs (as if every layer learned) and memory of an experiment. @throws when its recipe does not fit. */
export function planRun(experiment: Experiment): RunPlan {
  const { model, training } = experiment;
  const { hidden, context, vocabulary, layers } = model;
  const isBert = model.family === "bert";
  const tokensPerStep = training.batch * training.microBatches * context;
  const method = methodOf(experiment);
  const uniqueLayers = Math.max(...method.stages.map((stage) => stage.uniqueLayers));
  const memory = estimateMemory({ model, training, uniqueLayers });
  const cost = expectedScheduleCost({
    stages: method.stages,
    expectedDepth: (stage) =>
      method.depths(stage).reduce((sum, { depth, probability }) => sum + depth * probability, 0),
    targetDepth: layers,
    size: { hidden, context, vocabulary, headTransform: isBert, projectedFraction: isBert ? MASKED_FRACTION : 1 },
    tokensPerStep,
  });
  return {
    cost,
    memory,
    availableBytes: MAXIMUM_BYTES,
    parameters: memory.parameterBytes / 16,
    tokens: tokensPerStep * training.steps,
  };
}
