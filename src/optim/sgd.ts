/** Stochastic gradient descent with momentum. */

import { kernelsFor } from "../tensor/engine.ts";
import { type Parameter, zerosLike } from "../tensor/tensor.ts";
import { checkLearningRate, type Optimizer, type ParameterState, type UpdateOptions } from "./optimizer.ts";

/** b ← μb + g; θ ← θ − lr·b (with μ = 0 the plain gradient). */
export class Sgd implements Optimizer {
  readonly state = new Map<Parameter, ParameterState>();
  readonly #parameters: readonly Parameter[];
  readonly #momentum: number;

  /** @throws when the momentum is not in [0, 1). */
  constructor(parameters: readonly Parameter[], options: { momentum?: number } = {}) {
    const { momentum = 0 } = options;
    if (!(momentum >= 0 && momentum < 1)) throw new Error(`Sgd: momentum must be in [0, 1), not ${momentum}`);
    // What two modules share is named by both, and still learns once.
    this.#parameters = [...new Set(parameters)];
    this.#momentum = momentum;
  }

  step({ learningRate, gradientScale = 1 }: UpdateOptions): void {
    checkLearningRate(learningRate);
    for (const parameter of this.#parameters) {
      const { grad } = parameter;
      if (grad === null) continue;
      const kernels = kernelsFor(parameter.dtype);
      const state = this.state.get(parameter) ?? { step: 0, averages: { momentum: zerosLike(parameter) } };
      this.state.set(parameter, state);
      state.step++;
      const momentum = state.averages.momentum.numbers;
      const values = parameter.numbers;
      const gradient = grad.numbers;
      kernels.scale(momentum, momentum, this.#momentum);
      for (let index = 0; index < values.length; index++) {
        momentum[index] += gradientScale * gradient[index];
        values[index] -= learningRate * momentum[index];
      }
    }
  }
}
