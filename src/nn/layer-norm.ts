/** The normalising layer. */

import { add, gradientCheckpoint, layerNorm, maskedLayerNorm, residualLayerNorm } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { constant } from "./init.ts";
import { Module } from "./module.ts";

/** (x − mean)/√(variance + ε)·weight + bias over the last axis; weight begins at 1, bias at 0. */
export class LayerNorm extends Module {
  weight: Parameter;
  bias: Parameter;
  readonly epsilon: number;
  /** [C]: by how much each channel counts while new ones grow in; all fully when absent. */
  growthMask: Tensor | undefined;

  constructor(options: { size: number; epsilon?: number }) {
    super();
    this.weight = new Parameter([options.size], constant(1));
    this.bias = new Parameter([options.size], constant(0));
    this.epsilon = options.epsilon ?? 1e-5;
  }

  /** [..., C] → [..., C] */
  forward(x: Tensor): Tensor {
    if (this.growthMask !== undefined) return this.#masked(x, this.growthMask);
    return layerNorm(x, this.weight, this.bias, { epsilon: this.epsilon });
  }

  /** `forward` of x + change, both [..., C], in one pass. */
  forwardSum(x: Tensor, change: Tensor): Tensor {
    if (this.growthMask !== undefined) return this.#masked(add(x, change), this.growthMask);
    return residualLayerNorm(x, change, this.weight, this.bias, { epsilon: this.epsilon });
  }

  /** Of the many values that the composition makes the tape keeps x alone, as of the fused operation. */
  #masked(x: Tensor, mask: Tensor): Tensor {
    const { weight, bias, epsilon } = this;
    const body = (input: Tensor) => scope(() => maskedLayerNorm(input, weight, bias, mask, { epsilon }));
    return gradientCheckpoint(body, x, [weight, bias]);
  }
}
