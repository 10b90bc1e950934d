/** BERT: a bidirectional transformer that predicts masked tokens. */

import { add, gelu, indexSelect, inFlopSection, matmul, projectedCrossEntropy, reshape } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { BERT_DEVIATION, BertEncoder, type BertForwardOptions, type BertOptions } from "./bert-encoder.ts";
import { constant, initialize, normal } from "./init.ts";
import { LayerNorm } from "./layer-norm.ts";
import { Linear } from "./linear.ts";
import type { ModelSize } from "./model-size.ts";
import { Module } from "./module.ts";

/** Sequences with masked tokens; which flat positions were masked, and what stood there. */
export interface MaskedBatch {
  /** i32 [B, T] */
  inputs: Tensor;
  /** i32 [M]: indices into the B·T positions */
  positions: Tensor;
  /** i32 [M] */
  targets: Tensor;
}

/** The masked-language-model head: dense, GELU, LayerNorm, then the token table with a bias of its own. */
class MaskedLanguageHead extends Module {
  readonly transform: Linear;
  readonly norm: LayerNorm;
  bias: Parameter;

  constructor({ hidden, vocabulary }: ModelSize, { epsilon }: { epsilon: number }) {
    super();
    this.transform = new Linear({ inputs: hidden, outputs: hidden, initializer: normal(BERT_DEVIATION) });
    this.norm = new LayerNorm({ size: hidden, epsilon });
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
export class Bert extends BertEncoder {
  readonly head: MaskedLanguageHead;

  constructor(options: BertOptions) {
    super(options);
    this.head = new MaskedLanguageHead(this.size, this.embeddingNorm);
    initialize(this, { seed: options.seed ?? 0 });
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
