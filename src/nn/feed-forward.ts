/** The position-wise feed-forward network. */

import { feedForward, mul, readableFeedForward, reshape } from "../autograd/index.ts";
import type { Initializer, Tensor } from "../tensor/tensor.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** The form of GELU: exact (erf), or GPT-2's with tanh. */
export type Activation = "gelu" | "gelu-tanh";

export interface FeedForwardOptions {
  hidden: number;
  /** Size between the two projections; 4·hidden when absent. */
  inner?: number;
  activation?: Activation;
  initializer?: Initializer;
  /** Of the second projection, which GPT scales by its depth. */
  outputInitializer?: Initializer;
  /** False uses the composition of plain operations, which is slower and can be differentiated twice. */
  fused?: boolean;
}

/** down(GELU(up(x))) */
export class FeedForward extends Module {
  readonly up: Linear;
  readonly down: Linear;
  readonly activation: Activation;
  fused: boolean;
  /** [inner]: by how much each neuron counts while new ones grow in; all fully when absent. */
  growthMask: Tensor | undefined;

  constructor({
    hidden,
    inner = 4 * hidden,
    activation = "gelu",
    initializer,
    outputInitializer = initializer,
    fused = true,
  }: FeedForwardOptions) {
    super();
    if (activation !== "gelu" && activation !== "gelu-tanh")
      throw new Error(`FeedForward: activation must be "gelu" or "gelu-tanh", not ${JSON.stringify(activation)}`);
    this.up = new Linear({ inputs: hidden, outputs: inner, initializer });
    this.down = new Linear({ inputs: inner, outputs: hidden, initializer: outputInitializer });
    this.activation = activation;
    this.fused = fused;
  }

  /** [..., C] → [..., C], plus a residual [..., C] if one is given. */
  forward(x: Tensor, { residual }: { residual?: Tensor } = {}): Tensor {
    const apply = this.fused ? feedForward : readableFeedForward;
    const approximate = this.activation === "gelu-tanh" ? "tanh" : "none";
    return apply(x, { up: this.up, down: this.#maskedDown() }, { approximate, residual });
  }

  /** What a neuron hands on is its row of the second projection. */
  #maskedDown(): { weight: Tensor; bias: Tensor | undefined } {
    const { down, growthMask } = this;
    if (growthMask === undefined) return down;
    return { weight: mul(down.weight, reshape(growthMask, [growthMask.size, 1])), bias: down.bias };
  }
}
