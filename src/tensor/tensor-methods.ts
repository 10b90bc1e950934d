/** The operations that tensors offer as methods: `a.matmul(b).add(c)`. Documented where they are defined, in src/autograd/ops. */

import type { Tensor } from "./tensor.ts";

type Operand = Tensor | number;
type Axes = number | readonly number[];

export interface TensorMethods {
  add(other: Operand): Tensor;
  sub(other: Operand): Tensor;
  mul(other: Operand): Tensor;
  div(other: Operand): Tensor;
  pow(exponent: Operand): Tensor;
  maximum(other: Operand): Tensor;
  minimum(other: Operand): Tensor;
  equal(other: Operand): Tensor;
  notEqual(other: Operand): Tensor;
  less(other: Operand): Tensor;
  lessEqual(other: Operand): Tensor;
  greater(other: Operand): Tensor;
  greaterEqual(other: Operand): Tensor;

  neg(): Tensor;
  exp(): Tensor;
  log(): Tensor;
  sqrt(): Tensor;
  abs(): Tensor;
  tanh(): Tensor;
  sigmoid(): Tensor;
  relu(): Tensor;
  gelu(options?: { approximate?: "none" | "tanh" }): Tensor;
  silu(): Tensor;
  clamp(options: { minimum?: number; maximum?: number }): Tensor;

  sum(options?: { axes?: Axes; keepAxes?: boolean }): Tensor;
  mean(options?: { axes?: Axes; keepAxes?: boolean }): Tensor;
  max(options?: { axes?: Axes; keepAxes?: boolean }): Tensor;
  min(options?: { axes?: Axes; keepAxes?: boolean }): Tensor;
  variance(options?: { axes?: Axes; keepAxes?: boolean; correction?: number }): Tensor;
  logSumExp(options?: { axes?: Axes; keepAxes?: boolean }): Tensor;
  argmax(options?: { axes?: Axes; keepAxes?: boolean }): Tensor;
  softmax(options?: { axis?: number }): Tensor;
  logSoftmax(options?: { axis?: number }): Tensor;

  reshape(shape: readonly number[]): Tensor;
  transpose(options?: { axes?: readonly [number, number] }): Tensor;
  permute(order: readonly number[]): Tensor;
  slice(ranges: readonly (readonly [start: number, end?: number] | null)[]): Tensor;

  matmul(other: Tensor, options?: { transposeA?: boolean; transposeB?: boolean }): Tensor;

  /** Fills `grad` of every leaf that asked for it. */
  backward(options?: { gradient?: Tensor; retainGraph?: boolean; createGraph?: boolean }): void;
  /** The same numbers without history. */
  detach(): Tensor;
}
