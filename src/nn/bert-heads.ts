/** BERT's heads for tasks: one answer for a sequence, one for each token, or where a piece of text starts and ends. */

import { add, crossEntropy, indexSelect, inFlopSection, mul, reshape, slice, tanh } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BERT_DEVIATION, BertEncoder, type BertForwardOptions, type BertOptions } from "./bert-encoder.ts";
import { Dropout } from "./dropout.ts";
import { initialize, normal } from "./init.ts";
import { Linear } from "./linear.ts";
import { type EncodedBatch, type LabelledBatch, ModelWithHead, sequenceLoss } from "./model-with-head.ts";

/** Sequences of which some tokens are judged. */
export interface TaggedBatch extends EncodedBatch {
  /** i32 [M]: indices into the B·T positions. */
  positions: Tensor;
  /** i32 [M]: the class of each. */
  targets: Tensor;
}

/** Sequences with the first and the last token of a piece in each: i32 [B] both. */
export interface SpanBatch extends EncodedBatch {
  starts: Tensor;
  ends: Tensor;
}

export interface BertHeadOptions extends BertOptions {
  /** On what the head reads; that of the encoder when absent. */
  headDropout?: number;
}

/** The place of the head's dropout among those of a step: after the embeddings (−1) and all layers. */
const HEAD_DROPOUT = -2;

/** BERT's encoder with a head. */
abstract class BertWithHead extends ModelWithHead<BertEncoder> {
  readonly family = "bert";
  readonly dropout: Dropout;

  constructor(options: BertHeadOptions) {
    super(new BertEncoder(options));
    this.dropout = new Dropout({ probability: options.headDropout ?? options.dropout ?? 0 });
  }

  /** → [B, T, C]; dropout is the head's own affair. */
  protected encode({ inputs, types, mask }: EncodedBatch, options: BertForwardOptions): Tensor {
    return this.encoded((encoder) => encoder.hidden(inputs, { ...options, types, mask }));
  }

  /** What a layer says of every token: → [B, T, outputs] */
  protected ofEachToken(layer: Linear, batch: EncodedBatch, options: BertForwardOptions): Tensor {
    return scope(() => {
      const hidden = this.encode(batch, options);
      return inFlopSection("head", () => layer.forward(this.dropped(hidden, options)));
    });
  }

  protected dropped(x: Tensor, { dropoutKey }: BertForwardOptions): Tensor {
    return this.dropout.forward(x, dropoutKey?.at(HEAD_DROPOUT));
  }

  protected linear(outputs: number): Linear {
    return new Linear({ inputs: this.encoder.size.hidden, outputs, initializer: normal(BERT_DEVIATION) });
  }
}

/** Logits or a score from the first token, [CLS], through a dense layer with tanh, the pooler (Devlin et al. 2019, section 3). */
export class BertForSequenceClassification extends BertWithHead {
  readonly pooler: Linear;
  readonly classifier: Linear;

  /** @param options with one output the head is made for regression. */
  constructor(options: BertHeadOptions & { outputs: number }) {
    super(options);
    this.pooler = this.linear(this.encoder.size.hidden);
    this.classifier = this.linear(options.outputs);
    initialize(this, { seed: options.seed ?? 0 });
  }

  get outputs(): number {
    return this.classifier.weight.shape[1];
  }

  /** → [B, outputs] */
  forward(batch: EncodedBatch, options: BertForwardOptions = {}): Tensor {
    return scope(() => {
      const hidden = this.encode(batch, options); // [B, T, C]
      const first = reshape(slice(hidden, [null, [0, 1], null]), [hidden.shape[0], hidden.shape[2]]);
      return inFlopSection("head", () => {
        const pooled = tanh(this.pooler.forward(first));
        return this.classifier.forward(this.dropped(pooled, options));
      });
    });
  }

  /** As {@link sequenceLoss}. */
  loss(batch: LabelledBatch, options: BertForwardOptions = {}): Tensor {
    return scope(() => sequenceLoss(this.forward(batch, options), batch));
  }
}

/** Logits of a class for every token. */
export class BertForTokenClassification extends BertWithHead {
  readonly classifier: Linear;

  constructor(options: BertHeadOptions & { outputs: number }) {
    super(options);
    this.classifier = this.linear(options.outputs);
    initialize(this, { seed: options.seed ?? 0 });
  }

  get outputs(): number {
    return this.classifier.weight.shape[1];
  }

  /** → [B, T, outputs] */
  forward(batch: EncodedBatch, options: BertForwardOptions = {}): Tensor {
    return this.ofEachToken(this.classifier, batch, options);
  }

  /** Mean cross-entropy at the positions, in nats. */
  loss(batch: TaggedBatch, options: BertForwardOptions = {}): Tensor {
    return scope(() => {
      const logits = this.forward(batch, options);
      const rows = indexSelect(reshape(logits, [batch.inputs.size, logits.shape[2]]), batch.positions);
      return crossEntropy(rows, batch.targets);
    });
  }
}

/** For every token how well an answer begins and ends there; [CLS] stands for no answer (Devlin et al. 2019, section 4.3). */
export class BertForQuestionAnswering extends BertWithHead {
  /** How well an answer starts and ends at a token. */
  readonly startEnd: Linear;

  constructor(options: BertHeadOptions) {
    super(options);
    this.startEnd = this.linear(2);
    initialize(this, { seed: options.seed ?? 0 });
  }

  /** → logits of start and end, [B, T] each. */
  forward(batch: EncodedBatch, options: BertForwardOptions = {}): { starts: Tensor; ends: Tensor } {
    const [starts, ends] = scope(() => {
      const logits = this.ofEachToken(this.startEnd, batch, options); // [B, T, 2]
      return [0, 1].map((side) => reshape(slice(logits, [null, null, [side, side + 1]]), batch.inputs.shape));
    });
    return { starts, ends };
  }

  /** Mean of the cross-entropies of start and end, in nats. */
  loss(batch: SpanBatch, options: BertForwardOptions = {}): Tensor {
    return scope(() => {
      const { starts, ends } = this.forward(batch, options);
      return mul(add(crossEntropy(starts, batch.starts), crossEntropy(ends, batch.ends)), 0.5);
    });
  }
}
