/** What one step executes: the currency between recipes and the training loop. */

import { checkGrowthMasks, type GrowthMasks } from "./growth/growth-masks.ts";

export interface StepPosition {
  /** Index of the unique layer that this position uses. */
  weight: number;
  /** Factor on what the layer adds to the residual stream; 1 in plain Apollo. */
  branchScale: number;
  /** m in [0, 1]: the stream becomes m·layer(x) + (1 − m)·x, while a new layer grows in; 1 when absent. */
  growthMask?: number;
}

export interface StepPlan {
  /** In the order of execution; the length is the step's depth. */
  positions: StepPosition[];
  /** Indices of the unique layers that learn in this step. */
  trainable: "all" | readonly number[];
  /** Whether no gradient flows into the embeddings; the token table still learns as the head. False when absent. */
  freezesEmbeddings?: boolean;
  /** By how much new units count while they grow in; fully when absent. */
  growthMasks?: GrowthMasks;
}

/**
 * The plan of a plain Apollo step: the map's layers in order, scale 1, all trainable. Without layers, embeddings and head alone.
 * @throws when an entry is no index.
 */
export function planFromMap(map: readonly number[]): StepPlan {
  const plan: StepPlan = { positions: map.map((weight) => ({ weight, branchScale: 1 })), trainable: "all" };
  validateStepPlan(plan, map.length === 0 ? 0 : Number.POSITIVE_INFINITY);
  return plan;
}

/** Layers 0 … n−1, each once. */
export function straightPlan(layers: number): StepPlan {
  return planFromMap(straightMap(layers));
}

/** 0 … n−1. */
export function straightMap(layers: number): number[] {
  return [...new Array(layers).keys()];
}

/**
 * Checks that a plan can run on N unique layers.
 * @throws naming the position and the value: no position where there are layers, a weight that is no integer in 0 … N−1, a scale that is not
 * finite, a mask outside [0, 1], or a trainable layer that does not exist or is named twice.
 */
export function validateStepPlan(plan: StepPlan, N: number): void {
  const { positions, trainable } = plan;
  if (positions.length === 0 && N > 0) throw new Error("step plan: a step needs at least one position, this one has 0");
  const isLayer = (index: number) => Number.isSafeInteger(index) && index >= 0 && index < N;
  const layers = N === Number.POSITIVE_INFINITY ? "a layer's index" : `one of the layers 0 … ${N - 1}`;
  positions.forEach(({ weight, branchScale, growthMask = 1 }, position) => {
    if (!isLayer(weight))
      throw new Error(`step plan: position ${position} uses weight ${weight}, which is not ${layers}`);
    if (!Number.isFinite(branchScale))
      throw new Error(`step plan: the branch scale of position ${position} must be finite, not ${branchScale}`);
    if (!(growthMask >= 0 && growthMask <= 1))
      throw new Error(`step plan: the growth mask of position ${position} must lie in [0, 1], not ${growthMask}`);
  });
  if (plan.growthMasks !== undefined) checkGrowthMasks(plan.growthMasks);
  if (trainable === "all") return;
  trainable.forEach((index, order) => {
    if (!isLayer(index)) throw new Error(`step plan: trainable layer ${index} is not ${layers}`);
    if (trainable.indexOf(index) !== order) throw new Error(`step plan: trainable layer ${index} is named twice`);
  });
}

/**
 * How often each of N unique layers stands in the plan: the number of gradients it receives.
 * @returns N counts that sum to the depth.
 * @throws as {@link validateStepPlan} does.
 */
export function usesPerWeight(plan: StepPlan, N: number): number[] {
  validateStepPlan(plan, N);
  const uses = new Array<number>(N).fill(0);
  for (const { weight } of plan.positions) uses[weight]++;
  return uses;
}
