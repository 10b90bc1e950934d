/** What every model for a task has: something pre-trained that reads sequences, and a head on top of it. */

import { crossEntropy, meanSquaredError, noGrad, reshape } from "../autograd/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TransformerBlock } from "./block.ts";
import type { ModelSize } from "./model-size.ts";
import { Module } from "./module.ts";

/** Sequences of several lengths in one batch: the shorter ones are filled up behind their last token. */
export interface PaddedBatch {
  /** i32 [B, T] */
  inputs: Tensor;
  /** f32 [B, 1, 1, T]: 0 where a sequence has ended. */
  mask: Tensor;
}

/** Sequences as an encoder of BERT's reads them. */
export interface EncodedBatch extends PaddedBatch {
  /** i32 [B, T] of 0 and 1: which of two texts a token belongs to. */
  types: Tensor;
}

/** What each sequence of a batch shall be told to be: i32 [B] is a class, f32 [B] a score. */
export interface SequenceTargets {
  targets: Tensor;
}

/** Sequences with one target each. */
export interface LabelledBatch extends EncodedBatch, SequenceTargets {}

/** What a head stands on. */
interface Encoder extends Module {
  readonly size: ModelSize;
  readonly blocks: readonly TransformerBlock[];
}

/** Something pre-trained with a head on top of it that is trained with it, or alone. */
export abstract class ModelWithHead<Encoding extends Encoder> extends Module {
  abstract readonly family: "gpt" | "bert";
  /** What reads the sequences: BERT's encoder, or a GPT, whose own head is not used. */
  readonly encoder: Encoding;
  /** Whether the head alone learns: the encoder's output then has no gradient. */
  encoderFrozen = false;

  constructor(encoder: Encoding) {
    super();
    this.encoder = encoder;
  }

  get blocks(): readonly TransformerBlock[] {
    return this.encoder.blocks;
  }

  /** What learns: every parameter, or the head's. */
  trainedParameters() {
    if (!this.encoderFrozen) return this.parameters();
    const frozen = new Set(this.encoder.parameters());
    return this.parameters().filter((parameter) => !frozen.has(parameter));
  }

  /** Runs the encoder, with gradients unless it is frozen. */
  protected encoded(run: (encoder: Encoding) => Tensor): Tensor {
    return this.encoderFrozen ? noGrad(() => run(this.encoder)) : run(this.encoder);
  }
}

/** Outputs [B, K] and targets [B] → mean cross-entropy of classes in nats, or, of one output, mean squared error of scores. */
export function sequenceLoss(outputs: Tensor, { targets }: SequenceTargets): Tensor {
  if (targets.dtype === "i32") return crossEntropy(outputs, targets);
  return meanSquaredError(reshape(outputs, [outputs.size]), targets);
}
