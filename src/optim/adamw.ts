/** AdamW: Adam with decoupled weight decay. */

import { kernelsFor } from "../tensor/engine.ts";
import { type Parameter, zerosLike } from "../tensor/tensor.ts";
import {
  checkLearningRate,
  type Optimizer,
  type ParameterState,
  type UpdateOptions,
  withGradients,
} from "./optimizer.ts";

export interface AdamWOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /** Of the parameters that decay. */
  weightDecay?: number;
  /** Which parameters decay: matrices and embeddings when absent, not biases and LayerNorm parameters, which have one axis. */
  decays?: (parameter: Parameter) => boolean;
}

const hasSeveralAxes = (parameter: Parameter) => parameter.rank > 1;

/**
 * m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − lr·(m̂/(√v̂ + ε) + λθ), with m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ) and t the
 * parameter's *own* number of updates. Defaults are those of Apollo's release [R]: .9, .999, 1e-8, λ = .01.
 */
export class AdamW implements Optimizer {
  readonly state = new Map<Parameter, ParameterState>();
  readonly #parameters: readonly Parameter[];
  readonly #options: Required<AdamWOptions>;

  /** @throws when a rate is out of range. */
  constructor(parameters: readonly Parameter[], options: AdamWOptions = {}) {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, decays = hasSeveralAxes } = options;
    for (const [name, value] of Object.entries({ beta1, beta2 })) {
      if (!(value >= 0 && value < 1)) throw new Error(`AdamW: ${name} must be in [0, 1), not ${value}`);
    }
    for (const [name, value] of Object.entries({ epsilon, weightDecay })) {
      if (!(value >= 0)) throw new Error(`AdamW: ${name} must be ≥ 0, not ${value}`);
    }
    // What two modules share is named by both, and still learns once.
    this.#parameters = [...new Set(parameters)];
    this.#options = { beta1, beta2, epsilon, weightDecay, decays };
  }

  step({ learningRate, gradientScale = 1 }: UpdateOptions): void {
    checkLearningRate(learningRate);
    const { beta1, beta2, epsilon, weightDecay, decays } = this.#options;
    for (const [dtype, trained] of withGradients(this.#parameters)) {
      // Views are taken when everything is made: memory that is not shared replaces its buffer when it grows.
      for (const parameter of trained) {
        void parameter.storage;
        this.#stateOf(parameter).step++;
      }
      const updates = trained.map((parameter) => {
        const { step, averages } = this.#stateOf(parameter);
        return {
          parameter: parameter.numbers,
          gradient: parameter.grad.numbers,
          m: averages.m.numbers,
          v: averages.v.numbers,
          weightDecay: decays(parameter) ? weightDecay : 0,
          biasCorrection1: 1 - beta1 ** step,
          biasCorrection2: 1 - beta2 ** step,
        };
      });
      kernelsFor(dtype).adamw(updates, { learningRate, beta1, beta2, epsilon, gradientScale });
    }
  }

  #stateOf(parameter: Parameter): ParameterState {
    let state = this.state.get(parameter);
    if (state === undefined) {
      state = { step: 0, averages: { m: zerosLike(parameter), v: zerosLike(parameter) } };
      this.state.set(parameter, state);
    }
    return state;
  }
}
