/** GPT: a causal transformer that predicts the next token. */

import { add, detach, embedding, inFlopSection, matmul, projectedCrossEntropy } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type LayerUse, type PathCall, runPath, straightPath, TransformerBlock } from "./block.ts";
import { Dropout, type DropoutKey } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import type { Activation } from "./feed-forward.ts";
import { initialize, normal } from "./init.ts";
import type { KeyValueCache } from "./key-value-cache.ts";
import { LayerNorm } from "./layer-norm.ts";
import { checkModelSize, checkTokens, FAMILY_DEFAULTS, type ModelSize } from "./model-size.ts";
import { Module } from "./module.ts";

export interface GptOptions extends ModelSize {
  dropout?: number;
  activation?: Activation;
  /** "pre" is GPT-2; "post" normalises after each sum, as GPT-1 did, and needs no final LayerNorm. */
  norm?: "pre" | "post";
  /** Of every LayerNorm; 1e-5 when absent. */
  epsilon?: number;
  /** Size of the feed-forward networks between their projections; 4·hidden when absent. */
  inner?: number;
  seed?: number;
}

/** Inputs and the token that follows each: i32 [B, T] both. */
export interface CausalBatch {
  inputs: Tensor;
  targets: Tensor;
}

/** How one forward pass runs. */
export interface ForwardOptions {
  /** The layers in the order of their use; every block once when absent. */
  path?: readonly LayerUse[];
  dropoutKey?: DropoutKey;
  /** See {@link PathCall.gradientCheckpointing}. */
  gradientCheckpointing?: boolean;
  /** Hands no gradient to the embeddings; the token table still has its own as the head. False when absent. */
  frozenEmbeddings?: boolean;
}

/** How a pass runs that may go on where another one ended. */
export interface GptForwardOptions extends ForwardOptions {
  /** Holds the tokens before `ids`, and afterwards these too; inside noGrad, with dropout off. */
  cache?: KeyValueCache;
}

export const GPT_DEVIATION = 0.02;

/**
 * GPT-2's architecture: token and position embeddings, pre-LN blocks, a final LayerNorm, and the token table again as head.
 *
 * Initialised N(0, 0.02²); projections into the residual stream N(0, 0.02²/(2L)) with L the *target* depth, even where
 * fewer layers are unique in early stages [R].
 */
export class Gpt extends Module {
  readonly family = "gpt";
  readonly size: ModelSize;
  readonly tokenEmbedding: Embedding;
  readonly positionEmbedding: Embedding;
  readonly blocks: TransformerBlock[];
  /** Only in the pre-LN form, whose last sum nothing else normalises. */
  readonly finalNorm: LayerNorm | undefined;
  readonly dropout: Dropout;

  constructor(options: GptOptions) {
    super();
    const { layers, hidden, heads, context, vocabulary } = options;
    const { gpt } = FAMILY_DEFAULTS;
    const { activation = gpt.activation, norm = gpt.norm, epsilon = gpt.epsilon } = options;
    const { dropout = 0, inner, seed = 0 } = options;
    this.size = checkModelSize({ layers, hidden, heads, context, vocabulary });
    this.tokenEmbedding = new Embedding({ entries: vocabulary, size: hidden });
    this.positionEmbedding = new Embedding({ entries: context, size: hidden });
    this.blocks = Array.from(
      { length: layers },
      () =>
        new TransformerBlock({
          hidden,
          heads,
          causal: true,
          norm,
          epsilon,
          activation,
          inner,
          dropout,
          initializer: normal(GPT_DEVIATION),
          outputInitializer: normal(GPT_DEVIATION / Math.sqrt(2 * layers)),
        }),
    );
    this.finalNorm = norm === "pre" ? new LayerNorm({ size: hidden, epsilon }) : undefined;
    this.dropout = new Dropout({ probability: dropout });
    initialize(this, { seed });
  }

  /**
   * Token ids i32 [B, T] → the last layer's output, normalised [B, T, C].
   * @throws when T exceeds the context, and with a cache as {@link KeyValueCache.check}.
   */
  hidden(ids: Tensor, options: GptForwardOptions = {}): Tensor {
    const { path = straightPath(this.blocks), dropoutKey, gradientCheckpointing, cache } = options;
    const { frozenEmbeddings = false } = options;
    const past = cache?.length ?? 0;
    const tokens = checkTokens(ids, this.size.context);
    cache?.check(ids, path.length);
    return scope(() => {
      const positions = Tensor.from(
        Int32Array.from({ length: tokens }, (_, index) => past + index),
        [tokens],
        "i32",
      );
      const embedded = add(this.tokenEmbedding.forward(ids), embedding(this.positionEmbedding.weight, positions)); // [B, T, C]
      const start = this.dropout.forward(frozenEmbeddings ? detach(embedded) : embedded, dropoutKey?.at(-1));
      const output = runPath(start, path, { dropoutKey, gradientCheckpointing, cache });
      return this.finalNorm === undefined ? output : this.finalNorm.forward(output);
    });
  }

  /** Token ids i32 [B, T] → logits [B, T, V] of the next token. */
  forward(ids: Tensor, options: GptForwardOptions = {}): Tensor {
    return this.head(this.hidden(ids, options));
  }

  /** Outputs of the last layer [..., C] → logits [..., V]: the token table once more. */
  head(hidden: Tensor): Tensor {
    return inFlopSection("head", () => matmul(hidden, this.tokenEmbedding.weight, { transposeB: true }));
  }

  /** Mean cross-entropy of the next tokens, in nats: that of `forward`'s logits, which never stand in memory together. */
  loss({ inputs, targets }: CausalBatch, options: ForwardOptions = {}): Tensor {
    return scope(() => {
      const hidden = this.hidden(inputs, options);
      return inFlopSection("head", () => projectedCrossEntropy(hidden, this.tokenEmbedding.weight, targets));
    });
  }
}
