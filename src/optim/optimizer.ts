/** What every optimizer is. */

import type { DType } from "../tensor/storage.ts";
import type { Parameter, Tensor } from "../tensor/tensor.ts";

/** A parameter's own memory in an optimizer. */
export interface ParameterState {
  /** Updates this parameter has had; a parameter without gradients ages not. */
  step: number;
  /** Running averages by name, each of the parameter's shape. */
  averages: Record<string, Tensor>;
}

export interface UpdateOptions {
  learningRate: number;
  /** Factor on every gradient: the clipping coefficient. 1 when absent. */
  gradientScale?: number;
}

/**
 * Updates parameters from their gradients. A parameter without a gradient is left alone: no decay, no moment, no step
 * count, so that layers which do not take part yet stay as they were made.
 */
export interface Optimizer {
  /** One update of every parameter that has a gradient. @throws when the learning rate is not a number from 0. */
  step(options: UpdateOptions): void;
  /** State by parameter; empty until its first update. Growth reads and rewrites it. */
  readonly state: Map<Parameter, ParameterState>;
}

export type ParameterWithGradient = Parameter & { grad: Tensor };

/** The parameters that have a gradient, by element type: a kernel works on tensors of one type. */
export function withGradients(parameters: Iterable<Parameter>): Map<DType, ParameterWithGradient[]> {
  const byType = new Map<DType, ParameterWithGradient[]>();
  for (const parameter of parameters) {
    if (parameter.grad === null) continue;
    const ofType = byType.get(parameter.dtype);
    if (ofType === undefined) byType.set(parameter.dtype, [parameter as ParameterWithGradient]);
    else ofType.push(parameter as ParameterWithGradient);
  }
  return byType;
}

/** @throws naming a learning rate that would spoil every weight. */
export function checkLearningRate(learningRate: number): void {
  if (!(Number.isFinite(learningRate) && learningRate >= 0))
    throw new Error(`optimizer: the learning rate must be a finite number from 0, not ${learningRate}`);
}

/** Releases the state of one parameter: its next update starts anew. */
export function forgetState(optimizer: Optimizer, parameter: Parameter): void {
  const state = optimizer.state.get(parameter);
  if (state === undefined) return;
  for (const average of Object.values(state.averages)) average.release();
  optimizer.state.delete(parameter);
}
