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
