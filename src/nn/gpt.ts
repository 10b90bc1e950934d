/** GPT: a causal transformer that predicts the next token. */

import { add, crossEntropy, embedding, inFlopSection, matmul } from "../autograd/index.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type LayerUse, runPath, straightPath, TransformerBlock } from "./block.ts";
import { Dropout, type DropoutKey } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import type { Activation } from "./feed-forward.ts";
import { initialize, normal } from "./init.ts";
import { LayerNorm } from "./layer-norm.ts";
import { checkTokens, type ModelSize } from "./model-size.ts";
import { Module } from "./module.ts";

export interface GptOptions extends ModelSize {
  dropout?: number;
  activation?: Activation;
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
}

const INITIAL_DEVIATION = 0.02;

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
  readonly finalNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(options: GptOptions) {
    super();
    const { layers, hidden, heads, context, vocabulary, dropout = 0, activation = "gelu-tanh", seed = 0 } = options;
    this.size = { layers, hidden, heads, context, vocabulary };
    this.tokenEmbedding = new Embedding({ entries: vocabulary, size: hidden });
    this.positionEmbedding = new Embedding({ entries: context, size: hidden });
    this.blocks = Array.from(
      { length: layers },
      () =>
        new TransformerBlock({
          hidden,
          heads,
          causal: true,
          norm: "pre",
          epsilon: 1e-5,
          activation,
          dropout,
          initializer: normal(INITIAL_DEVIATION),
          outputInitializer: normal(INITIAL_DEVIATION / Math.sqrt(2 * layers)),
        }),
    );
    this.finalNorm = new LayerNorm({ size: hidden, epsilon: 1e-5 });
    this.dropout = new Dropout({ probability: dropout });
    initialize(this, { seed });
  }

  /** Token ids i32 [B, T] → the last layer's normalised output [B, T, C]. @throws when T exceeds the context. */
  hidden(ids: Tensor, { path = straightPath(this.blocks), dropoutKey }: ForwardOptions = {}): Tensor {
    const tokens = checkTokens(ids, this.size.context);
    const positions = Tensor.from(
      Int32Array.from({ length: tokens }, (_, index) => index),
      [tokens],
      "i32",
    );
    const embedded = add(this.tokenEmbedding.forward(ids), embedding(this.positionEmbedding.weight, positions)); // [B, T, C]
    const start = this.dropout.forward(embedded, dropoutKey?.at(-1));
    return this.finalNorm.forward(runPath(start, path, { dropoutKey }));
  }

  /** Token ids i32 [B, T] → logits [B, T, V] of the next token. */
  forward(ids: Tensor, options: ForwardOptions = {}): Tensor {
    const hidden = this.hidden(ids, options);
    return inFlopSection("head", () => matmul(hidden, this.tokenEmbedding.weight, { transposeB: true }));
  }

  /** Mean cross-entropy of the next tokens, in nats. */
  loss({ inputs, targets }: CausalBatch, options: ForwardOptions = {}): Tensor {
    return crossEntropy(this.forward(inputs, options), targets);
  }
}
