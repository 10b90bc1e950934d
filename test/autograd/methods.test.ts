import { expect } from "chai";
import * as autograd from "../../src/autograd/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { TensorMethods } from "../../src/tensor/tensor-methods.ts";
import { f64 } from "./nested.ts";

const functions: Record<string, unknown> = { ...autograd };

/** Arguments after the tensor itself, for every method. */
const ARGUMENTS: { [Name in keyof TensorMethods<Tensor>]: () => Parameters<TensorMethods<Tensor>[Name]> } = {
  add: () => [2],
  sub: () => [f64([1, 2, 3])],
  mul: () => [f64([1, 2, 3])],
  div: () => [2],
  pow: () => [2],
  maximum: () => [1],
  minimum: () => [1],
  equal: () => [2],
  notEqual: () => [2],
  less: () => [2],
  lessEqual: () => [2],
  greater: () => [2],
  greaterEqual: () => [2],
  neg: () => [],
  exp: () => [],
  log: () => [],
  sqrt: () => [],
  abs: () => [],
  tanh: () => [],
  sigmoid: () => [],
  relu: () => [],
  gelu: () => [{ approximate: "tanh" }],
  silu: () => [],
  clamp: () => [{ minimum: 1, maximum: 2 }],
  sum: () => [{ axes: 1 }],
  mean: () => [{ axes: 0, keepAxes: true }],
  max: () => [],
  min: () => [{ axes: [0] }],
  variance: () => [{ axes: 1, correction: 1 }],
  logSumExp: () => [{ axes: 0 }],
  argmax: () => [{ axes: 1 }],
  softmax: () => [{ axis: 0 }],
  logSoftmax: () => [],
  reshape: () => [[3, 2]],
  transpose: () => [{ axes: [0, 1] }],
  permute: () => [[1, 0]],
  slice: () => [[null, [1]]],
  matmul: () => [f64([[1, 2, 3]]), { transposeB: true }],
  backward: () => [
    {
      gradient: f64([
        [1, 1, 1],
        [2, 2, 2],
      ]),
    },
  ],
  detach: () => [],
};

describe("the methods of tensors", () => {
  const make = () =>
    f64([
      [0.5, 2, 1.5],
      [3, 0.25, 2],
    ]);
  const methods = Tensor.prototype as unknown as Record<string, (...rest: unknown[]) => unknown>;

  for (const [name, rest] of Object.entries(ARGUMENTS)) {
    if (name === "backward") continue;
    it(`x.${name}(…) is ${name}(x, …)`, () => {
      scope(() => {
        const given = rest() as unknown[];
        const byMethod = methods[name].call(make(), ...given) as Tensor;
        const byFunction = (functions[name] as (x: Tensor, ...rest: unknown[]) => Tensor)(make(), ...given);
        expect(byMethod.shape).to.deep.equal(byFunction.shape);
        expect(byMethod.toArray()).to.deep.equal(byFunction.toArray());
      });
    });
  }

  it("x.backward(…) is backward(x, …)", () => {
    scope(() => {
      const x = make();
      x.requiresGrad = true;
      x.mul(3).backward(...ARGUMENTS.backward());
      expect(x.grad!.toArray()).to.deep.equal([
        [3, 3, 3],
        [6, 6, 6],
      ]);
    });
  });
});
