/** Clipping gradients by their common norm. */

import { kernelsFor } from "../tensor/engine.ts";
import type { Parameter } from "../tensor/tensor.ts";
import { withGradients } from "./optimizer.ts";

/** √Σg² over the gradients of all parameters that have one, summed in f64. */
export function gradientNorm(parameters: readonly Parameter[]): number {
  let total = 0;
  for (const [dtype, trained] of withGradients(new Set(parameters)))
    total += kernelsFor(dtype).sumOfSquares(trained.map(({ grad }) => grad.numbers));
  return Math.sqrt(total);
}

/** @throws when a largest norm is not above 0: a negative one would turn gradients around. */
export function checkClipNorm(maximum: number): void {
  if (!(maximum > 0)) throw new Error(`clip: the largest norm must be above 0, not ${maximum}`);
}

/** The factor that brings a norm down to at most `maximum`: PyTorch's maximum/(norm + 1e-6), never above 1. */
export function clipCoefficient(norm: number, maximum: number): number {
  return Math.min(1, maximum / (norm + 1e-6));
}

/**
 * Scales all gradients so that their common norm is at most `maximum`.
 * @returns the norm before.
 * @throws when `maximum` is not above 0.
 */
export function clipGradNorm(parameters: readonly Parameter[], maximum: number): number {
  checkClipNorm(maximum);
  const norm = gradientNorm(parameters);
  const factor = clipCoefficient(norm, maximum);
  if (factor < 1) {
    for (const { grad } of new Set(parameters)) {
      if (grad !== null) kernelsFor(grad.dtype).scale(grad.numbers, grad.numbers, factor);
    }
  }
  return norm;
}
