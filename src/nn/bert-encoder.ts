/** The encoder of BERT: what every head reads. */

import { add, detach, embedding } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { runPath, straightPath, TransformerBlock } from "./block.ts";
import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import type { Activation } from "./feed-forward.ts";
import type { ForwardOptions } from "./gpt.ts";
import { initialize, normal } from "./init.ts";
import { LayerNorm } from "./layer-norm.ts";
import { checkModelSize, checkTokens, FAMILY_DEFAULTS, type ModelSize } from "./model-size.ts";
import { Module } from "./module.ts";

export interface BertOptions extends ModelSize {
  dropout?: number;
  activation?: Activation;
  /** "post" is BERT; "pre" its pre-LN variant, with a final LayerNorm. */
  norm?: "pre" | "post";
  /** Of every LayerNorm; 1e-12 when absent. */
  epsilon?: number;
  /** Size of the feed-forward networks between their projections; 4·hidden when absent. */
  inner?: number;
  seed?: number;
}

export interface BertForwardOptions extends ForwardOptions {
  /** [B, 1, 1, T] or broadcastable to [B, heads, T, T]; 0 hides a key (padding). */
  mask?: Tensor;
  /** i32 [B, T] of 0 and 1: which of two segments a token belongs to; all 0 when absent. */
  types?: Tensor;
}

export const BERT_DEVIATION = 0.02;
const TOKEN_TYPES = 2;

/** Token, position and segment embeddings, their LayerNorm, and bidirectional blocks; post-LN unless told otherwise. */
export class BertEncoder extends Module {
  readonly family = "bert";
  readonly size: ModelSize;
  readonly tokenEmbedding: Embedding;
  readonly positionEmbedding: Embedding;
  readonly typeEmbedding: Embedding;
  readonly embeddingNorm: LayerNorm;
  readonly blocks: TransformerBlock[];
  /** Only in the pre-LN variant, whose last sum nothing else normalises. */
  readonly finalNorm: LayerNorm | undefined;
  readonly dropout: Dropout;

  constructor(options: BertOptions) {
    super();
    const { bert } = FAMILY_DEFAULTS;
    const { layers, hidden, heads, context, vocabulary, inner } = options;
    const { activation = bert.activation, norm = bert.norm, epsilon = bert.epsilon, dropout = 0, seed = 0 } = options;
    this.size = checkModelSize({ layers, hidden, heads, context, vocabulary });
    this.tokenEmbedding = new Embedding({ entries: vocabulary, size: hidden });
    this.positionEmbedding = new Embedding({ entries: context, size: hidden });
    this.typeEmbedding = new Embedding({ entries: TOKEN_TYPES, size: hidden });
    this.embeddingNorm = new LayerNorm({ size: hidden, epsilon });
    const initializer = normal(BERT_DEVIATION);
    this.blocks = Array.from(
      { length: layers },
      () =>
        new TransformerBlock({
          hidden,
          heads,
          causal: false,
          norm,
          epsilon,
          activation,
          inner,
          dropout,
          initializer,
        }),
    );
    this.finalNorm = norm === "pre" ? new LayerNorm({ size: hidden, epsilon }) : undefined;
    this.dropout = new Dropout({ probability: dropout });
    initialize(this, { seed });
  }

  /** Token ids i32 [B, T] → the last layer's output [B, T, C]. @throws when T exceeds the context. */
  hidden(ids: Tensor, options: BertForwardOptions = {}): Tensor {
    const {
      path = straightPath(this.blocks),
      dropoutKey,
      mask,
      gradientCheckpointing,
      frozenEmbeddings = false,
    } = options;
    const tokens = checkTokens(ids, this.size.context);
    return scope(() => {
      const positions = Tensor.from(
        Int32Array.from({ length: tokens }, (_, index) => index),
        [tokens],
        "i32",
      );
      const types = options.types ?? Tensor.from(new Int32Array(tokens), [tokens], "i32");
      const places = add(embedding(this.positionEmbedding.weight, positions), this.typeEmbedding.forward(types)); // [T, C]
      const embedded = this.embeddingNorm.forward(add(this.tokenEmbedding.forward(ids), places)); // [B, T, C]
      const start = this.dropout.forward(frozenEmbeddings ? detach(embedded) : embedded, dropoutKey?.at(-1));
      const output = runPath(start, path, { mask, dropoutKey, gradientCheckpointing });
      return this.finalNorm === undefined ? output : this.finalNorm.forward(output);
    });
  }
}
