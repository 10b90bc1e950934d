/** Checking gradients against finite differences. */

import type { Random } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { gradientsOf } from "./backward.ts";
import { add, mul } from "./ops/elementwise.ts";
import { detach, sum } from "./ops/reduction.ts";

export interface GradcheckOptions {
  random: Random;
  /** 1 checks the gradient; 2 the gradient of the gradient along a random direction. */
  order?: 1 | 2;
  /** Step of the central difference. */
  step?: number;
  /** Allowed |finite difference − g·v| / (‖g‖·‖v‖). */
  tolerance?: number;
}

/**
 * Compares the gradient of f with a central difference along a random direction v, in f64:
 * |(F(x + hv) − F(x − hv))/2h − g·v| ≤ tolerance·‖g‖·‖v‖, where F is f contracted with random numbers.
 *
 * @param f any function of f64 tensors (i32 tensors are passed through).
 * @throws with the measured numbers when they disagree, or when an input is f32.
 */
export function gradcheck(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions,
): void {
  const { random, order = 1, step = 1e-5, tolerance = 1e-6 } = options;
  scope(() => {
    for (const input of inputs) {
      if (input.dtype === "f32")
        throw new Error("gradcheck: f32 is too coarse for finite differences; make the inputs with dtype f64");
    }
    const scalar = contracted(f, inputs, random);
    const function_ = order === 1 ? scalar : directionalDerivative(scalar, inputs, random);
    const leaves = inputs.map(asLeaf);
    const targets = leaves.filter((leaf) => leaf.dtype === "f64");
    const gradients = gradientsOf(function_(...leaves), targets);
    const directions = targets.map((target) => Tensor.from(normals(random, target.size), target.shape, "f64"));
    const moved = (sign: number) => {
      const steps = [...directions];
      return function_(
        ...inputs.map((input) =>
          input.dtype === "i32" ? input : asLeaf(add(input, mul(steps.shift()!, sign * step))),
        ),
      ).item();
    };
    const measured = (moved(1) - moved(-1)) / (2 * step);
    const claimed = gradients.reduce((total, gradient, index) => total + dot(gradient, directions[index]), 0);
    const scale = Math.sqrt(
      gradients.reduce((t, g) => t + dot(g, g), 0) * directions.reduce((t, v) => t + dot(v, v), 0),
    );
    // Where the gradient vanishes the difference is rounding alone.
    if (!(Math.abs(measured - claimed) <= tolerance * scale + 1e-9)) {
      throw new Error(
        `gradcheck: the derivative along a random direction is ${measured} by finite differences, ${claimed} by the gradient ` +
          `(difference ${Math.abs(measured - claimed)}, allowed ${tolerance * scale})`,
      );
    }
  });
}

/** Σ f(x)⊙c with fixed random c: one number that feels every output. */
function contracted(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  random: Random,
): (...inputs: Tensor[]) => Tensor {
  const output = f(...inputs);
  const weights = Tensor.from(normals(random, output.size), output.shape, "f64");
  return (...moved) => sum(mul(f(...moved), weights));
}

/** x ↦ Σ ∇F(x)⊙u for fixed random u. */
function directionalDerivative(
  scalar: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  random: Random,
): (...inputs: Tensor[]) => Tensor {
  const directions = inputs.map((input) =>
    input.dtype === "i32" ? null : Tensor.from(normals(random, input.size), input.shape, "f64"),
  );
  return (...moved) => {
    const targets = moved.filter((input) => input.dtype === "f64");
    const gradients = gradientsOf(scalar(...moved), targets, { createGraph: true });
    const used = directions.filter((direction) => direction !== null);
    return gradients.map((gradient, index) => sum(mul(gradient, used[index]))).reduce((a, b) => add(a, b));
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
