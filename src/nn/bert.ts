/** BERT: a bidirectional transformer that predicts masked tokens. */

import {
  add,
  detach,
  embedding,
  gelu,
  indexSelect,
  inFlopSection,
  matmul,
  projectedCrossEntropy,
  reshape,
} from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import { Parameter, Tensor } from "../tensor/tensor.ts";
import { runPath, straightPath, TransformerBlock } from "./block.ts";
import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import type { Activation } from "./feed-forward.ts";
import type { ForwardOptions } from "./gpt.ts";
import { constant, initialize, normal } from "./init.ts";
import { LayerNorm } from "./layer-norm.ts";
import { Linear } from "./linear.ts";
import { checkModelSize, checkTokens, type ModelSize } from "./model-size.ts";
import { Module } from "./module.ts";

export interface BertOptions extends ModelSize {
  dropout?: number;
  activation?: Activation;
  /** "post" is BERT; "pre" its pre-LN variant, with a final LayerNorm. */
  norm?: "pre" | "post";
  seed?: number;
}

/** Sequences with masked tokens; which flat positions were masked, and what stood there. */
export interface MaskedBatch {
  /** i32 [B, T] */
  inputs: Tensor;
  /** i32 [M]: indices into the B·T positions */
  positions: Tensor;
  /** i32 [M] */
  targets: Tensor;
}

export interface BertForwardOptions extends ForwardOptions {
  /** [B, 1, 1, T] or broadcastable to [B, heads, T, T]; 0 hides a key (padding). */
  mask?: Tensor;
  /** i32 [B, T] of 0 and 1: which of two segments a token belongs to; all 0 when absent. */
  types?: Tensor;
}

const INITIAL_DEVIATION = 0.02;
const EPSILON = 1e-12;
const TOKEN_TYPES = 2;

/** The masked-language-model head: dense, GELU, LayerNorm, then the token table with a bias of its own. */
class MaskedLanguageHead extends Module {
  readonly transform: Linear;
  readonly norm: LayerNorm;
  bias: Parameter;

  constructor({ hidden, vocabulary }: ModelSize) {
    super();
    this.transform = new Linear({ inputs: hidden, outputs: hidden, initializer: normal(INITIAL_DEVIATION) });
    this.norm = new LayerNorm({ size: hidden, epsilon: EPSILON });
    this.bias = new Parameter([vocabulary], constant(0));
  }

  /** [M, C] → logits [M, V] */
  forward(hidden: Tensor, table: Tensor): Tensor {
    return add(matmul(this.#transformed(hidden), table, { transposeB: true }), this.bias);
  }

  /** [M, C] and targets [M] → their mean cross-entropy: that of `forward`'s logits, which never stand in memory together. */
  loss(hidden: Tensor, table: Tensor, targets: Tensor): Tensor {
    return projectedCrossEntropy(this.#transformed(hidden), table, targets, { bias: this.bias });
  }

  #transformed(hidden: Tensor): Tensor {
    return this.norm.forward(gelu(this.transform.forward(hidden)));
  }
}

/** BERT with its masked-language-model head; post-LN, no pooler, no next-sentence task (methods A.9 [R]). */
export class Bert extends Module {
  readonly family = "bert";
  readonly size: ModelSize;
  readonly tokenEmbedding: Embedding;
  readonly positionEmbedding: Embedding;
  readonly typeEmbedding: Embedding;
  readonly embeddingNorm: LayerNorm;
  readonly blocks: TransformerBlock[];
  /** Only in the pre-LN variant, whose last sum nothing else normalises. */
  readonly finalNorm: LayerNorm | undefined;
  readonly head: MaskedLanguageHead;
  readonly dropout: Dropout;

  constructor(options: BertOptions) {
    super();
    const {
      layers,
      hidden,
      heads,
      context,
      vocabulary,
      dropout = 0,
      activation = "gelu",
      norm = "post",
      seed = 0,
    } = options;
    this.size = checkModelSize({ layers, hidden, heads, context, vocabulary });
    this.tokenEmbedding = new Embedding({ entries: vocabulary, size: hidden });
    this.positionEmbedding = new Embedding({ entries: context, size: hidden });
    this.typeEmbedding = new Embedding({ entries: TOKEN_TYPES, size: hidden });
    this.embeddingNorm = new LayerNorm({ size: hidden, epsilon: EPSILON });
    const initializer = normal(INITIAL_DEVIATION);
    this.blocks = Array.from(
      { length: layers },
      () =>
        new TransformerBlock({
          hidden,
          heads,
          causal: false,
          norm,
          epsilon: EPSILON,
          activation,
          dropout,
          initializer,
        }),
    );
    this.finalNorm = norm === "pre" ? new LayerNorm({ size: hidden, epsilon: EPSILON }) : undefined;
    this.head = new MaskedLanguageHead(this.size);
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

  /** Token ids i32 [B, T] and flat positions i32 [M] → logits [M, V] at those positions. */
  forward(ids: Tensor, positions: Tensor, options: BertForwardOptions = {}): Tensor {
    const rows = this.#hiddenAt(ids, positions, options);
    return inFlopSection("head", () => this.head.forward(rows, this.tokenEmbedding.weight));
  }

  /** Mean cross-entropy at the masked positions, in nats. */
  loss({ inputs, positions, targets }: MaskedBatch, options: BertForwardOptions = {}): Tensor {
    return scope(() => {
      const rows = this.#hiddenAt(inputs, positions, options);
      return inFlopSection("head", () => this.head.loss(rows, this.tokenEmbedding.weight, targets));
    });
  }

  /** Token ids i32 [B, T] and flat positions i32 [M] → the last layer's output at those positions [M, C]. */
  #hiddenAt(ids: Tensor, positions: Tensor, options: BertForwardOptions): Tensor {
    return indexSelect(reshape(this.hidden(ids, options), [ids.size, this.size.hidden]), positions);
  }
}
