/** The operations that tensors offer as methods: `a.matmul(b).add(c)`. Documented where they are defined, in src/autograd/ops. */

type Axes = number | readonly number[];

/** `Tensor` is the class that has them: named by who uses this, so that the two files need not import each other. */
export interface TensorMethods<Tensor> {
  add(other: Tensor | number): Tensor;
  sub(other: Tensor | number): Tensor;
  mul(other: Tensor | number): Tensor;
  div(other: Tensor | number): Tensor;
  pow(exponent: Tensor | number): Tensor;
  maximum(other: Tensor | number): Tensor;
  minimum(other: Tensor | number): Tensor;
  equal(other: Tensor | number): Tensor;
  notEqual(other: Tensor | number): Tensor;
  less(other: Tensor | number): Tensor;
  lessEqual(other: Tensor | number): Tensor;
  greater(other: Tensor | number): Tensor;
  greaterEqual(other: Tensor | number): Tensor;

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
