/** The affine layer. */

import { linear } from "../autograd/index.ts";
import { type Initializer, Parameter, type Tensor } from "../tensor/tensor.ts";
import { constant, uniformWithin } from "./init.ts";
import { Module } from "./module.ts";

export interface LinearOptions {
  inputs: number;
  outputs: number;
  /** False leaves the bias out. */
  bias?: boolean;
  /** Of the weight; uniform within ±1/√inputs when absent. The bias begins at 0. */
  initializer?: Initializer;
}

/** y = x·W + b, W [in, out]. */
export class Linear extends Module {
  weight: Parameter;
  bias: Parameter | undefined;

  constructor({ inputs, outputs, bias = true, initializer }: LinearOptions) {
    super();
    this.weight = new Parameter([inputs, outputs], initializer ?? uniformWithin(1 / Math.sqrt(inputs)));
    this.bias = bias ? new Parameter([outputs], constant(0)) : undefined;
  }

  /** [..., in] → [..., out], plus a residual [..., out] if one is given. */
  forward(x: Tensor, options: { residual?: Tensor } = {}): Tensor {
    return linear(x, this.weight, this.bias, options);
  }
}
