/** The position-wise feed-forward network. */

import { gelu } from "../autograd/index.ts";
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
}

/** down(GELU(up(x))) */
export class FeedForward extends Module {
  readonly up: Linear;
  readonly down: Linear;
  readonly activation: Activation;

  constructor({
    hidden,
    inner = 4 * hidden,
    activation = "gelu",
    initializer,
    outputInitializer = initializer,
  }: FeedForwardOptions) {
    super();
    if (activation !== "gelu" && activation !== "gelu-tanh")
      throw new Error(`FeedForward: activation must be "gelu" or "gelu-tanh", not ${JSON.stringify(activation)}`);
    this.up = new Linear({ inputs: hidden, outputs: inner, initializer });
    this.down = new Linear({ inputs: inner, outputs: hidden, initializer: outputInitializer });
    this.activation = activation;
  }

  /** [..., C] → [..., C] */
  forward(x: Tensor): Tensor {
    const approximate = this.activation === "gelu-tanh" ? "tanh" : "none";
    return this.down.forward(gelu(this.up.forward(x), { approximate }));
  }
}
