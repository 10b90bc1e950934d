/** Checking gradients against finite differences. */

import { Random } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { gradientsOf } from "./backward.ts";
import { add, mul } from "./ops/elementwise.ts";
import { detach, sum } from "./ops/reduction.ts";
import { concat, reshape } from "./ops/shaping.ts";

export interface GradcheckOptions {
  /** Draws the directions; a generator of a fixed seed when absent. */
  random?: Random;
  /** 1 checks the gradient; 2 the gradient of the gradient along a random direction. */
  order?: 1 | 2;
  /** Step h of the central difference, which looks at x ± hv and x ± 2hv. */
  step?: number;
  /** Allowed |finite difference − g·v| / (‖g‖·‖v‖). */
  tolerance?: number;
}

/** Roundings of its terms, in units of the last place, that each value of F may be off by. */
const ROUNDINGS = 32;

/**
 * Compares the gradient of f with a central difference of fourth order along a random direction v, in f64:
 * |(8(F(x + hv) − F(x − hv)) − (F(x + 2hv) − F(x − 2hv)))/12h − g·v| ≤ tolerance·‖g‖·‖v‖ + what rounding explains,
 * where F is f contracted with random numbers.
 *
 * @param f any function of f64 tensors (i32 tensors are passed through).
 * @throws with the measured numbers when they disagree, when an input is f32, or when none is f64.
 */
export function gradcheck(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): void {
  const { random = new Random(0), order = 1, step = 1e-4, tolerance = 1e-6 } = options;
  scope(() => {
    for (const input of inputs) {
      if (input.dtype === "f32")
        throw new Error("gradcheck: f32 is too coarse for finite differences; make the inputs with dtype f64");
    }
    const contraction = contracted(f, inputs, random);
    const terms = order === 1 ? contraction : directionalDerivative(contraction, inputs, random);
    const leaves = inputs.map(asLeaf);
    const targets = leaves.filter((leaf) => leaf.dtype === "f64");
    if (targets.length === 0) throw new Error("gradcheck: none of the inputs is f64, so that there is no gradient");
    const gradients = gradientsOf(sum(terms(...leaves)), targets);
    const directions = targets.map((target) => Tensor.from(normals(random, target.size), target.shape, "f64"));
    let magnitude = 0;
    const moved = (steps: number) => {
      const left = [...directions];
      const { numbers } = terms(
        ...inputs.map((input) =>
          input.dtype === "i32" ? input : asLeaf(add(input, mul(left.shift()!, steps * step))),
        ),
      );
      let [total, absolute] = [0, 0];
      for (const term of numbers) {
        total += term;
        absolute += Math.abs(term);
      }
      magnitude = Math.max(magnitude, absolute);
      return total;
    };
    const measured = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step);
    const claimed = gradients.reduce((total, gradient, index) => total + dot(gradient, directions[index]), 0);
    const scale = Math.sqrt(
      gradients.reduce((t, g) => t + dot(g, g), 0) * directions.reduce((t, v) => t + dot(v, v), 0),
    );
    // Where the gradient vanishes the difference is rounding alone: it grows with the terms of F, not with the gradient.
    const rounding = (1.5 * ROUNDINGS * Number.EPSILON * magnitude) / step;
    const allowed = tolerance * scale + rounding;
    if (!(Math.abs(measured - claimed) <= allowed)) {
      throw new Error(
        `gradcheck: the derivative along a random direction is ${measured} by finite differences, ${claimed} by the gradient ` +
          `(difference ${Math.abs(measured - claimed)}, allowed ${allowed})`,
      );
    }
  });
}

/** The terms of Σ f(x)⊙c with fixed random c: one number that feels every output. */
function contracted(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  random: Random,
): (...inputs: Tensor[]) => Tensor {
  const output = f(...inputs);
  const weights = Tensor.from(normals(random, output.size), output.shape, "f64");
  return (...moved) => mul(f(...moved), weights);
}

/** The terms of Σ ∇F(x)⊙u for fixed random u, F the sum of the given terms. */
function directionalDerivative(
  terms: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  random: Random,
): (...inputs: Tensor[]) => Tensor {
  const directions = inputs.map((input) =>
    input.dtype === "i32" ? null : Tensor.from(normals(random, input.size), input.shape, "f64"),
  );
  return (...moved) => {
    const targets = moved.filter((input) => input.dtype === "f64");
    const gradients = gradientsOf(sum(terms(...moved)), targets, { createGraph: true });
    const used = directions.filter((direction) => direction !== null);
    return concat(gradients.map((gradient, index) => reshape(mul(gradient, used[index]), [-1])));
  };
}

function asLeaf(input: Tensor): Tensor {
  if (input.dtype === "i32") return input;
  const leaf = detach(input);
  leaf.requiresGrad = true;
  return leaf;
}

const normals = (random: Random, size: number) => Float64Array.from({ length: size }, () => random.normal());

function dot(a: Tensor, b: Tensor): number {
  const [left, right] = [a.numbers, b.numbers];
  let total = 0;
  for (let index = 0; index < left.length; index++) total += left[index] * right[index];
  return total;
}
