/**
 * Growth masks (methods C.6 [C]): a new unit counts by a mask between 0, as if it were not there, and 1.
 *
 * What a unit hands on is multiplied by its mask: a neuron of the inner layer by its row of the second projection, a head by
 * its output, a channel of the stream wherever it is normalised, and LayerNorm's statistics count it by its mask as well. All reads
 * of the stream go through a LayerNorm, but for those of the first layer of post-LN GPT. (The authors multiply a new head's
 * queries and keys, too, which is the same at 0 and at 1.)
 */

import { FeedForward, LayerNorm, type Module, MultiHeadAttention } from "../../nn/index.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Space } from "./parameter-axes.ts";

/** Of the units of a space the first `kept` are old; the others count by `factor`, in [0, 1]. */
export interface GrowthMask {
  kept: number;
  factor: number;
}

/** A space without one counts fully. */
export type GrowthMasks = Partial<Record<Space, GrowthMask>>;

/** @throws naming the space and the value. */
export function checkGrowthMasks(masks: GrowthMasks): void {
  for (const [space, { kept, factor }] of Object.entries(masks)) {
    if (!(Number.isSafeInteger(kept) && kept >= 1))
      throw new Error(`growth mask: the old units of the space "${space}" must be a whole number from 1, not ${kept}`);
    if (!(factor >= 0 && factor <= 1))
      throw new Error(`growth mask: the factor of the space "${space}" must lie in [0, 1], not ${factor}`);
  }
}

/** Gives all parts of a model their masks; takes away those that are absent. */
export function setGrowthMasks(model: Module, masks: GrowthMasks = {}): void {
  for (const module of model.modules()) {
    if (module instanceof LayerNorm) {
      module.growthMask = maskTensor(masks.residual, module.weight.size);
    } else if (module instanceof FeedForward) {
      module.growthMask = maskTensor(masks.inner, module.down.weight.shape[0]);
    } else if (module instanceof MultiHeadAttention) {
      const channels = module.output.weight.shape[0];
      module.growthMask = maskTensor(masks.heads, channels, channels / module.heads);
    }
  }
}

/** Runs `body`, which must not be asynchronous, while a model has these masks. */
export function withGrowthMasks<Result>(model: Module, masks: GrowthMasks | undefined, body: () => Result): Result {
  if (masks === undefined) return body();
  return scope(() => {
    setGrowthMasks(model, masks);
    try {
      return body();
    } finally {
      setGrowthMasks(model);
    }
  });
}

function maskTensor(mask: GrowthMask | undefined, size: number, unitLength = 1): Tensor | undefined {
  if (mask === undefined) return undefined;
  return Tensor.from(new Float32Array(size).fill(mask.factor).fill(1, 0, mask.kept * unitLength), [size]);
}
