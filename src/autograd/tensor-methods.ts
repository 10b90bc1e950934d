/** Gives tensors their operations as methods: `a.matmul(b).add(c)`. */

import { Tensor } from "../tensor/tensor.ts";
import type { TensorMethods } from "../tensor/tensor-methods.ts";
import { backward } from "./backward.ts";
import * as elementwise from "./ops/elementwise.ts";
import { matmul } from "./ops/matmul.ts";
import * as reduction from "./ops/reduction.ts";
import * as shaping from "./ops/shaping.ts";
import { logSoftmax, softmax } from "./ops/softmax.ts";

// biome-ignore lint/suspicious/noExplicitAny: the compiler checks each entry against TensorMethods below.
type Operation = (x: Tensor, ...rest: any[]) => unknown;

/** A function of a tensor as a method of that tensor. */
function method<F extends Operation>(operation: F) {
  return function (this: Tensor, ...rest: F extends (x: Tensor, ...rest: infer Rest) => unknown ? Rest : never) {
    return operation(this, ...rest) as ReturnType<F>;
  };
}

const methods: TensorMethods<Tensor> = {
  add: method(elementwise.add),
  sub: method(elementwise.sub),
  mul: method(elementwise.mul),
  div: method(elementwise.div),
  pow: method(elementwise.pow),
  maximum: method(elementwise.maximum),
  minimum: method(elementwise.minimum),
  equal: method(elementwise.equal),
  notEqual: method(elementwise.notEqual),
  less: method(elementwise.less),
  lessEqual: method(elementwise.lessEqual),
  greater: method(elementwise.greater),
  greaterEqual: method(elementwise.greaterEqual),
  neg: method(elementwise.neg),
  exp: method(elementwise.exp),
  log: method(elementwise.log),
  sqrt: method(elementwise.sqrt),
  abs: method(elementwise.abs),
  tanh: method(elementwise.tanh),
  sigmoid: method(elementwise.sigmoid),
  relu: method(elementwise.relu),
  gelu: method(elementwise.gelu),
  silu: method(elementwise.silu),
  clamp: method(elementwise.clamp),
  sum: method(reduction.sum),
  mean: method(reduction.mean),
  max: method(reduction.max),
  min: method(reduction.min),
  variance: method(reduction.variance),
  logSumExp: method(reduction.logSumExp),
  argmax: method(reduction.argmax),
  softmax: method(softmax),
  logSoftmax: method(logSoftmax),
  reshape: method(shaping.reshape),
  transpose: method(shaping.transpose),
  permute: method(shaping.permute),
  slice: method(shaping.slice),
  matmul: method(matmul),
  backward: method(backward),
  detach: method(reduction.detach),
};

Object.assign(Tensor.prototype, methods);
