/** GPT's head for tasks: one answer for a sequence. */

import { indexSelect, inFlopSection, reshape } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type ForwardOptions, GPT_DEVIATION, Gpt, type GptOptions } from "./gpt.ts";
import { initialize, normal } from "./init.ts";
import { Linear } from "./linear.ts";
import { ModelWithHead, type PaddedBatch, type SequenceTargets, sequenceLoss } from "./model-with-head.ts";

/**
 * Logits or a score from the last token, the only one that sees the whole sequence: h·W without a bias (Radford et al. 2018,
 * section 3.2). With padding behind it, causal attention needs no mask: nothing looks there.
 */
export class GptForSequenceClassification extends ModelWithHead<Gpt> {
  readonly family = "gpt";
  readonly score: Linear;

  /** @param options with one output the head is made for regression. */
  constructor(options: GptOptions & { outputs: number }) {
    super(new Gpt(options));
    const { hidden } = this.encoder.size;
    this.score = new Linear({
      ...{ inputs: hidden, outputs: options.outputs, bias: false },
      initializer: normal(GPT_DEVIATION),
    });
    initialize(this, { seed: options.seed ?? 0 });
  }

  get outputs(): number {
    return this.score.weight.shape[1];
  }

  /** → [B, outputs]. @throws when a sequence has no token, or padding stands before one. */
  forward({ inputs, mask }: PaddedBatch, options: ForwardOptions = {}): Tensor {
    return scope(() => {
      const hidden = this.encoded((encoder) => encoder.hidden(inputs, options)); // [B, T, C]
      const last = indexSelect(reshape(hidden, [inputs.size, hidden.shape[2]]), lastTokens(mask));
      return inFlopSection("head", () => this.score.forward(last));
    });
  }

  /** As {@link sequenceLoss}. @throws as {@link forward}. */
  loss(batch: PaddedBatch & SequenceTargets, options: ForwardOptions = {}): Tensor {
    return scope(() => sequenceLoss(this.forward(batch, options), batch));
  }
}

/** Mask [B, 1, 1, T] → i32 [B]: where among the B·T positions each sequence has its last token. */
function lastTokens({ shape, numbers }: Tensor): Tensor {
  const [rows, , , tokens] = shape;
  const places = Int32Array.from({ length: rows }, (_, row) => {
    const shown = numbers.subarray(row * tokens, (row + 1) * tokens);
    const length = shown.indexOf(0) < 0 ? tokens : shown.indexOf(0);
    if (length === 0 || shown.subarray(length).some((value) => value !== 0))
      throw new Error(`GptForSequenceClassification: sequence ${row} of the batch does not begin with its tokens`);
    return row * tokens + length - 1;
  });
  return Tensor.from(places, [rows], "i32");
}
