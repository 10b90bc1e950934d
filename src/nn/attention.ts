/** Multi-head self-attention. */

import { mul, multiHeadAttention, readableMultiHeadAttention } from "../autograd/index.ts";
import type { Initializer, Tensor } from "../tensor/tensor.ts";
import { Dropout, type DropoutKey } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

export interface MultiHeadAttentionOptions {
  hidden: number;
  heads: number;
  /** Position i sees positions 0 … i only. */
  causal: boolean;
  /** On the attention weights. */
  dropout?: number;
  initializer?: Initializer;
  /** Of the output projection, which GPT scales by its depth. */
  outputInitializer?: Initializer;
  /** False uses the composition of plain operations, which is slower and can be differentiated twice. */
  fused?: boolean;
}

/** Queries, keys and values in one projection, scaled-dot-product attention by head, and an output projection. */
export class MultiHeadAttention extends Module {
  readonly qkv: Linear;
  readonly output: Linear;
  readonly dropout: Dropout;
  readonly heads: number;
  readonly causal: boolean;
  fused: boolean;
  /** [C]: by how much the channels of each head count while new heads grow in; all fully when absent. */
  growthMask: Tensor | undefined;

  /** @throws when the heads do not divide the hidden size. */
  constructor(options: MultiHeadAttentionOptions) {
    super();
    const { hidden, heads, causal, dropout = 0, initializer, outputInitializer = initializer, fused = true } = options;
    if (!(Number.isInteger(heads) && heads >= 1 && Number.isInteger(hidden / heads)))
      throw new Error(`MultiHeadAttention: ${heads} heads do not divide hidden size ${hidden}`);
    this.qkv = new Linear({ inputs: hidden, outputs: 3 * hidden, initializer });
    this.output = new Linear({ inputs: hidden, outputs: hidden, initializer: outputInitializer });
    this.dropout = new Dropout({ probability: dropout });
    this.heads = heads;
    this.causal = causal;
    this.fused = fused;
  }

  /** [B, T, C] → [B, T, C], plus a residual [B, T, C] if one is given; `mask` [..., T, T] hides keys where it is 0. */
  forward(x: Tensor, options: { mask?: Tensor; dropoutKey?: DropoutKey; residual?: Tensor } = {}): Tensor {
    const { mask, dropoutKey, residual } = options;
    const attend = this.fused ? multiHeadAttention : readableMultiHeadAttention;
    const attended = attend(this.qkv.forward(x), {
      heads: this.heads,
      causal: this.causal,
      mask,
      ...(this.dropout.isActive && { dropout: this.dropout.options(dropoutKey) }),
    });
    const counted = this.growthMask === undefined ? attended : mul(attended, this.growthMask);
    return this.output.forward(counted, { residual });
  }
}
