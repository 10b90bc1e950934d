/** The normalising layer. */

import { layerNorm, residualLayerNorm } from "../autograd/index.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { constant } from "./init.ts";
import { Module } from "./module.ts";

/** (x − mean)/√(variance + ε)·weight + bias over the last axis; weight begins at 1, bias at 0. */
export class LayerNorm extends Module {
  weight: Parameter;
  bias: Parameter;
  readonly epsilon: number;

  constructor(options: { size: number; epsilon?: number }) {
    super();
    this.weight = new Parameter([options.size], constant(1));
    this.bias = new Parameter([options.size], constant(0));
    this.epsilon = options.epsilon ?? 1e-5;
  }

  /** [..., C] → [..., C] */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, { epsilon: this.epsilon });
  }

  /** `forward` of x + change, both [..., C], in one pass. */
  forwardSum(x: Tensor, change: Tensor): Tensor {
    return residualLayerNorm(x, change, this.weight, this.bias, { epsilon: this.epsilon });
  }
}
