/** Multi-head self-attention. */

import {
  cachedAttention,
  mul,
  multiHeadAttention,
  readableCachedAttention,
  readableMultiHeadAttention,
} from "../autograd/index.ts";
import type { Initializer, Tensor } from "../tensor/tensor.ts";
import { Dropout, type DropoutKey } from "./dropout.ts";
import { appendToCache, type CachedPosition } from "./key-value-cache.ts";
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

/** What one use of attention is told. */
export interface AttentionCall {
  mask?: Tensor;
  dropoutKey?: DropoutKey;
  residual?: Tensor;
  cache?: CachedPosition;
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

  /**
   * [B, T, C] → [B, T, C], plus a residual [B, T, C] if one is given; `mask` [..., T, T] hides keys where it is 0. With a `cache`
   * x is what follows the tokens whose keys and values stand there, and its own are added.
   * @throws when a cache is given to attention that is not causal, has a mask, or drops weights.
   */
  forward(x: Tensor, options: AttentionCall = {}): Tensor {
    const { mask, dropoutKey, residual, cache } = options;
    const qkv = this.qkv.forward(x);
    const attend = this.fused ? multiHeadAttention : readableMultiHeadAttention;
    const attended =
      cache === undefined
        ? attend(qkv, {
            heads: this.heads,
            causal: this.causal,
            mask,
            ...(this.dropout.isActive && { dropout: this.dropout.options(dropoutKey) }),
          })
        : this.#attendCached(qkv, cache, mask);
    const counted = this.growthMask === undefined ? attended : mul(attended, this.growthMask);
    return this.output.forward(counted, { residual });
  }

  #attendCached(qkv: Tensor, cache: CachedPosition, mask: Tensor | undefined): Tensor {
    const { heads, causal } = this;
    if (!causal) throw new Error("MultiHeadAttention: only causal attention can use a key-value cache");
    if (mask !== undefined) throw new Error("MultiHeadAttention: a mask and a key-value cache cannot be used together");
    if (this.dropout.isActive)
      throw new Error("MultiHeadAttention: a key-value cache is for inference, and dropout is on; call eval()");
    appendToCache(cache, qkv);
    const { keys, values, past } = cache;
    if (past === 0) return (this.fused ? multiHeadAttention : readableMultiHeadAttention)(qkv, { heads, causal });
    return (this.fused ? cachedAttention : readableCachedAttention)(qkv, keys, values, { heads, past });
  }
}
