/** What distinguishes one way of progressive training from another: the part that a recipe fills in. */

import type { GrowLayers } from "./growth/grow-layers.ts";
import type { Stage } from "./schedule.ts";
import type { StepPlan } from "./step-plan.ts";

/** What a step plan may depend on. */
export interface StepCall {
  step: number;
  /** N: unique layers of the present stage. */
  uniqueLayers: number;
  /** L: the depth that training prepares for. */
  targetDepth: number;
  /** The step's own draw from [0, 1): the same for every method of a seed. */
  uniform: number;
}

export interface Method {
  name: string;
  /** Unique layers by step; the last stage ends with the run. */
  stages: readonly Stage[];
  /** Which weight set each position of this step uses. */
  planStep(call: StepCall): StepPlan;
  /** Which weight set each position uses at full depth, for evaluation and generation. */
  planFullDepth(uniqueLayers: number): StepPlan;
  /** What happens to weights and optimizer state when a stage with more unique layers begins. */
  grow: GrowLayers;
  /** One draw per update (paper) or one per micro-batch (release). */
  depthDraw: "step" | "microbatch";
  /** How a shared layer combines the gradients of its uses: Apollo's plain sum, or their mean (methods B.8). */
  sharedGradient: "sum" | "mean";
}
