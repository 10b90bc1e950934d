/** From a step plan to the layers that a forward pass runs through: references, never copies. */

import type { LayerUse, TransformerBlock } from "../nn/index.ts";
import type { Parameter } from "../tensor/tensor.ts";
import { type StepPlan, usesPerWeight } from "./step-plan.ts";

/** net = [U[g(0)], …, U[g(Lt−1)]]: a layer that is used five times stands in the list five times. */
export function sharedPath(blocks: readonly TransformerBlock[], plan: StepPlan): LayerUse[] {
  return plan.positions.map(({ weight, ...use }) => ({ block: blocks[weight], ...use }));
}

/** Freezes the layers that a plan does not train while `body` runs. */
export function withTrainable<Result>(blocks: readonly TransformerBlock[], plan: StepPlan, body: () => Result): Result {
  const { trainable } = plan;
  if (trainable === "all") return body();
  const frozen = blocks.filter((_, index) => !trainable.includes(index)).flatMap((block) => block.parameters());
  const wanted = frozen.map((parameter) => parameter.requiresGrad);
  for (const parameter of frozen) parameter.requiresGrad = false;
  try {
    return body();
  } finally {
    frozen.forEach((parameter, index) => (parameter.requiresGrad = wanted[index]));
  }
}

/** Divides each layer's summed gradient by its mean number of uses in the micro-batches of a step (methods B.8). */
export function averageOverUses(
  blocks: readonly TransformerBlock[],
  plans: readonly StepPlan[],
  scale: (parameter: Parameter, factor: number) => void,
): void {
  blocks.forEach((block, index) => {
    const uses =
      plans.reduce((total, plan) => total + (usesPerWeight(plan, blocks.length)[index] ?? 0), 0) / plans.length;
    if (uses === 0) return;
    for (const parameter of block.parameters()) if (parameter.grad !== null) scale(parameter, 1 / uses);
  });
}
