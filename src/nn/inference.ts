/** Asking a model without training it. */

import { noGrad } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import type { Module } from "./module.ts";

/** Runs `body` with dropout off, unrecorded and in a scope of its own; the model is left in the mode that it was in. */
export function infer<Result>(model: Module, body: () => Result): Result {
  const { isTraining } = model;
  model.eval();
  try {
    return scope(() => noGrad(body));
  } finally {
    if (isTraining) model.train();
  }
}

/** @throws when something among a model's outputs is not a number: weights that are none, or beyond all bounds, give that. */
export function checkOutputs(values: Float32Array | Float64Array): void {
  if (!values.every(Number.isFinite)) throw new Error("the model's weights are damaged: its outputs are not numbers");
}
