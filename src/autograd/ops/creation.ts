/** Making tensors: from arrays, filled, counted, drawn, and masks. */

import type { Random } from "../../tensor/random.ts";
import { keep } from "../../tensor/scope.ts";
import { checkShape, formatShape, type Shape, ShapeError, sameShape } from "../../tensor/shape.ts";
import type { DType } from "../../tensor/storage.ts";
import { checkIndexValue, type NestedNumbers, Tensor } from "../../tensor/tensor.ts";
import { describe } from "../describe.ts";

export interface CreationOptions {
  dtype?: DType;
  /** Makes it a leaf that receives gradients. */
  requiresGrad?: boolean;
}

function finish(tensor: Tensor, options: CreationOptions): Tensor {
  if (options.requiresGrad) {
    if (tensor.dtype === "i32") throw new Error("tensor: i32 tensors are indices and have no gradient");
    tensor.requiresGrad = true;
  }
  return tensor;
}

function build(shape: Shape, options: CreationOptions, value: (index: number) => number): Tensor {
  const tensor = Tensor.allocate(checkShape("tensor", shape), options.dtype);
  const { data } = tensor;
  for (let index = 0; index < data.length; index++) {
    const number = value(index);
    if (tensor.dtype === "i32") checkIndexValue(number);
    data[index] = number;
  }
  return finish(tensor, options);
}

/** The element type that keeps what a typed array holds. */
function typeOf(values: ArrayBufferView): DType {
  if (values instanceof Int32Array) return "i32";
  return values instanceof Float64Array ? "f64" : "f32";
}

/**
 * A tensor from numbers nested in arrays; the nesting is its shape, unless `shape` gives the same elements another one.
 * A typed array is flat; without a `dtype` an Int32Array becomes i32, a Float64Array f64, everything else f32.
 * @throws ShapeError naming the place where the nesting is ragged or holds something that is not a number.
 */
export function tensor(
  values: NestedNumbers | ArrayLike<number>,
  options: CreationOptions & { shape?: Shape } = {},
): Tensor {
  if (ArrayBuffer.isView(values)) {
    const flat = values as unknown as ArrayLike<number>;
    return finish(Tensor.from(flat, options.shape ?? [flat.length], options.dtype ?? typeOf(values)), options);
  }
  const shape: number[] = [];
  for (let level: unknown = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat: number[] = [];
  flatten(values as NestedNumbers, shape, [], flat);
  return finish(Tensor.from(flat, options.shape ?? shape, options.dtype), options);
}

function flatten(values: unknown, shape: Shape, path: number[], into: number[]): void {
  const where = `at [${path.join("][")}]`;
  if (path.length === shape.length) {
    if (typeof values !== "number")
      throw new ShapeError(`tensor: expected a number ${where}, found ${describe(values)}`);
    into.push(values);
    return;
  }
  if (!Array.isArray(values))
    throw new ShapeError(
      `tensor: ragged array: expected ${shape[path.length]} entries ${where}, found ${describe(values)}`,
    );
  if (values.length !== shape[path.length]) {
    throw new ShapeError(
      `tensor: ragged array: expected ${shape[path.length]} entries ${where}, found ${values.length}`,
    );
  }
  values.forEach((value, index) => flatten(value, shape, [...path, index], into));
}

export const zeros = (shape: Shape, options: CreationOptions = {}) => build(shape, options, () => 0);
export const ones = (shape: Shape, options: CreationOptions = {}) => build(shape, options, () => 1);
/** Every element set to `value`. */
export const full = (shape: Shape, value: number, options: CreationOptions = {}) => build(shape, options, () => value);

/** `start`, `start + step`, … below `end` (above it for a negative step). */
export function arange(range: { start?: number; end: number; step?: number }, options: CreationOptions = {}): Tensor {
  const { start = 0, end, step = 1 } = range;
  const length = Math.max(0, Math.ceil((end - start) / step));
  if (!Number.isFinite(length))
    throw new Error(`arange: from ${start} to ${end} in steps of ${step} has no finite length`);
  return build([length], options, (index) => start + index * step);
}

/** Standard normal numbers. */
export const randn = (shape: Shape, options: CreationOptions & { random: Random }) =>
  build(shape, options, () => options.random.normal());

/** Uniform numbers in [minimum, maximum). */
export function uniform(
  shape: Shape,
  options: CreationOptions & { random: Random; minimum?: number; maximum?: number },
): Tensor {
  const { random, minimum = 0, maximum = 1 } = options;
  return build(shape, options, () => minimum + (maximum - minimum) * random.uniform());
}

/** Row i has a 1 in column ids[i]: i32 ids of any shape → [...ids, classes]. @throws for an id outside 0 … classes−1. */
export function oneHot(ids: Tensor, classes: number, options: CreationOptions = {}): Tensor {
  if (ids.dtype !== "i32") throw new Error(`oneHot: ids ${formatShape(ids.shape)} must be i32, not ${ids.dtype}`);
  const { indices } = ids;
  for (const id of indices)
    if (id < 0 || id >= classes) throw new ShapeError(`oneHot: id ${id} is outside 0 … ${classes - 1}`);
  return build([...ids.shape, classes], options, (index) =>
    indices[Math.floor(index / classes)] === index % classes ? 1 : 0,
  );
}

/** Ones on and below the diagonal (shifted up by `diagonal`) of a rows×columns matrix, zeros above. */
export function lowerTriangle(
  rows: number,
  columns: number,
  options: CreationOptions & { diagonal?: number } = {},
): Tensor {
  return build([rows, columns], options, (index) =>
    index % columns <= Math.floor(index / columns) + (options.diagonal ?? 0) ? 1 : 0,
  );
}

/** Ones on and above the diagonal (shifted up by `diagonal`) of a rows×columns matrix, zeros below. */
export function upperTriangle(
  rows: number,
  columns: number,
  options: CreationOptions & { diagonal?: number } = {},
): Tensor {
  return build([rows, columns], options, (index) =>
    index % columns >= Math.floor(index / columns) + (options.diagonal ?? 0) ? 1 : 0,
  );
}

let latestMask: Tensor | null = null;

/**
 * What causal attention looks at, [queries, keys]: the lower triangle where there are as many of both; fewer queries are its last
 * rows. Only the latest is kept, for the next layer: whoever wants it beyond the next call must save it.
 */
export function causalMask({ queries, keys }: { queries: number; keys: number }, { dtype }: { dtype: DType }): Tensor {
  if (latestMask === null || !sameShape(latestMask.shape, [queries, keys]) || latestMask.dtype !== dtype) {
    latestMask?.release();
    latestMask = keep(lowerTriangle(queries, keys, { dtype, diagonal: keys - queries }));
  }
  return latestMask;
}
