/** Parameters and random gradients for the tests of optimizers. */

import fc from "fast-check";
import type { Random } from "../../src/tensor/random.ts";
import type { DType } from "../../src/tensor/storage.ts";
import { Parameter, Tensor } from "../../src/tensor/tensor.ts";

/** Named as the layers they stand for: two matrices with decay, a bias and a LayerNorm weight without, a scalar, nothing. */
const SHAPES = { matrix: [3, 5], table: [2, 1, 7], bias: [5], norm: [33], scalar: [], empty: [0, 4] };

export function makeParameters(seed: number, dtype: DType): Parameter[] {
  return Object.entries(SHAPES).map(([name, shape]) => {
    const parameter = new Parameter(
      shape,
      (values, random) => {
        for (let index = 0; index < values.length; index++) values[index] = random.normal();
      },
      dtype,
    );
    parameter.name = name;
    parameter.seed = seed;
    return parameter;
  });
}

export function setGradient(parameter: Parameter, random: Random, size = 1): void {
  parameter.zeroGrad();
  const values = Float64Array.from({ length: parameter.size }, () => size * random.normal());
  parameter.grad = Tensor.from(values, parameter.shape, parameter.dtype);
}

/** Which of the parameters have a gradient in each update. */
export const schedules = fc.array(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), {
  minLength: 1,
  maxLength: 6,
});
