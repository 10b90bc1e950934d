/** What the training loop needs of a model. */

import type { DropoutKey, LayerUse, ModelSize, Module, TransformerBlock } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A model that can be trained at any depth: blocks, and a loss through any path over them. */
export interface LayeredModel<Batch> extends Module {
  readonly blocks: readonly TransformerBlock[];
  loss(
    batch: Batch,
    options: {
      path: readonly LayerUse[];
      dropoutKey?: DropoutKey;
      gradientCheckpointing?: boolean;
      frozenEmbeddings?: boolean;
    },
  ): Tensor;
}

/** A transformer whose sizes are known: what growth in width reads and writes. */
export interface SizedModel extends LayeredModel<never> {
  readonly family: "gpt" | "bert";
  readonly size: ModelSize;
  /** Token ids i32 [B, T] → what the head reads, [B, T, C]. */
  hidden(ids: Tensor, options: { path: readonly LayerUse[] }): Tensor;
}
