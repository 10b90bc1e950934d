/** What distinguishes one way of progressive training from another: the part that a recipe fills in. */

import type { ModelSize, TransformerBlock } from "../nn/index.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Random } from "../tensor/random.ts";
import type { DepthProbability } from "./depth-sampler.ts";
import type { GrowLayers } from "./growth/grow-layers.ts";
import type { Values } from "./growth/widen.ts";
import type { LayeredModel, SizedModel } from "./layered-model.ts";
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
  /** For methods that need more than one draw: a stream of the step's own, from its beginning at each call. */
  random(): Random;
}

export interface Method {
  name: string;
  /** Unique layers by step; the last stage ends with the run. */
  stages: readonly Stage[];
  /** Which weight set each position of this step uses. */
  planStep(call: StepCall): StepPlan;
  /**
   * Which weight set each position uses at full depth, for evaluation and generation.
   * @param updates those done by then, for methods whose model changes with each; those of the whole run when absent.
   */
  planFullDepth(uniqueLayers: number, updates?: number): StepPlan;
  /** What happens to weights and optimizer state when a stage with more unique layers begins. */
  grow: GrowLayers;
  /** One draw per update (paper) or one per micro-batch (release). */
  depthDraw: "step" | "microbatch";
  /** How a shared layer combines the gradients of its uses: Apollo's plain sum, or their mean (methods B.8). */
  sharedGradient: "sum" | "mean";
  /** The learning rate of each update, from the run's peak, where the method has a schedule of its own. */
  learningRate?(peak: number): (update: number) => number;
  /** Acts on the gradients of each update, where a method does so. */
  gradientRule?: GradientRule;
  /**
   * Writes the first weights from a small model's, where a method begins from one; or answers with an operator that does so
   * once its coefficients are trained.
   */
  firstWeights?(call: FirstWeightsCall): GrowthOperator | null;
}

/**
 * What a method does between backward and clipping, and remembers from update to update. One run at a time: `begin`, or `load`
 * where a run goes on, makes it forget the one before.
 */
export interface GradientRule {
  /** Before a run's first update, and before its first evaluation. */
  begin(blocks: readonly TransformerBlock[]): void;
  /** Rewrites the gradients of all micro-batches of an update. @returns what the update's record tells of it. */
  apply(call: { step: number; blocks: readonly TransformerBlock[] }): { tiedGroups?: number };
  /** What it remembers, for checkpoints. */
  save(): string;
  /** @throws when the text is not what `save` gave for as many layers. */
  load(memory: string): void;
}

/** A trained model of the same family that a method begins from. */
export interface SmallModel {
  size: ModelSize;
  /** Weights by parameter name. */
  weights: ReadonlyMap<string, Values>;
  /** What its optimizer had come to, by parameter name, where that was kept. */
  state?: ReadonlyMap<string, { step: number; averages: Record<string, Values> }>;
}

/** What the first weights are made from. */
export interface FirstWeightsCall {
  /** The model that is to be trained, as it is initialised. */
  model: SizedModel;
  small: SmallModel;
  /** Of the large model, as yet without state. */
  optimizer: Optimizer;
  /** A stream of its own. */
  random: Random;
}

/** Coefficients that make a large model of a small one, to be trained before they are applied and forgotten. */
export interface GrowthOperator {
  /** Its parameters are the coefficients; its loss is the large model's. */
  model: LayeredModel<never>;
  steps: number;
  /** Peak. */
  learningRate: number;
  weightDecay: number;
  /** Writes the large model's weights. */
  apply(): void;
}

/** A method that can also say what it will do: what plans, logs and pictures are made from. */
export interface DescribedMethod extends Method {
  /** The depths that a step of a stage may have, the shallowest first, and how probable each is. */
  depths(stage: Stage): DepthProbability[];
  /** g: which unique layer each position of a network of this depth uses; null where steps draw their layers. */
  layersAt(uniqueLayers: number, depth: number): number[] | null;
  /** The layer that each of N′ is made from when N layers become as many; null where growth is no copy. */
  growthMap(from: number, to: number): number[] | null;
}
