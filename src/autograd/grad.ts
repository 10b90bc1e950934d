/** Gradients as functions. */

import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { gradientsOf } from "./backward.ts";
import { detach } from "./ops/reduction.ts";

/** A function from tensors to one number (a tensor of size 1). */
export type ScalarFunction = (...inputs: Tensor[]) => Tensor;

export interface GradOptions {
  /** Lets the gradients be differentiated again. */
  createGraph?: boolean;
}

/**
 * The function that returns f(x…) and its gradients with respect to every floating-point argument (null for indices).
 * Arguments are taken as leaves unless they have a history of their own and `createGraph` is set.
 */
export function valueAndGrad(
  f: ScalarFunction,
  options: GradOptions = {},
): (...inputs: Tensor[]) => { value: Tensor; gradients: (Tensor | null)[] } {
  return (...inputs) =>
    scope(() => {
      const arguments_ = inputs.map((input) =>
        input.dtype === "i32" || (options.createGraph && input.requiresGrad) ? input : asLeaf(input),
      );
      const value = f(...arguments_);
      const targets = arguments_.filter((argument) => argument.dtype !== "i32");
      const found = gradientsOf(value, targets, options);
      return {
        value: options.createGraph ? value : detach(value),
        gradients: arguments_.map((argument) => (argument.dtype === "i32" ? null : found.shift()!)),
      };
    });
}

/** The function that returns the gradient of f with respect to its first argument. */
export function grad(f: ScalarFunction, options: GradOptions = {}): (...inputs: Tensor[]) => Tensor {
  const both = valueAndGrad(f, options);
  return (...inputs) => scope(() => both(...inputs).gradients[0]!);
}

function asLeaf(input: Tensor): Tensor {
  const leaf = detach(input);
  leaf.requiresGrad = true;
  return leaf;
}
