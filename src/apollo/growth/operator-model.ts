/** A learned growth operator as a model: its parameters are coefficients, its loss is that of the large model which they make. */

import { noGrad } from "../../autograd/index.ts";
import { functionalCall, Module } from "../../nn/index.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LayeredModel, SizedModel } from "../layered-model.ts";

export abstract class OperatorModel extends Module implements LayeredModel<never> {
  // Private, and so not among the fields whose parameters are trained.
  readonly #large: SizedModel;

  constructor(large: SizedModel) {
    super();
    this.#large = large;
  }

  /** Every weight of the large model, by name, as a function of the coefficients. */
  abstract weights(): Map<string, Tensor>;

  get blocks(): SizedModel["blocks"] {
    return this.#large.blocks;
  }

  loss(...[batch, options]: Parameters<SizedModel["loss"]>): Tensor {
    return functionalCall(this.#large, this.weights(), () => this.#large.loss(batch, options));
  }

  /** Writes what the coefficients make into the large model. */
  apply(): void {
    scope(() =>
      noGrad(() => {
        const made = [...this.weights()].map(
          ([name, tensor]) => [name, { shape: tensor.shape, values: tensor.toFlatArray() }] as const,
        );
        this.#large.loadStateDict(new Map(made));
      }),
    );
  }

  protected get family(): SizedModel["family"] {
    return this.#large.family;
  }
}
