/** Operations that move elements or rename axes: reshape, permute, slice, concat, gather and their kin. */

import type { StridedLayout } from "../../tensor/kernels.ts";
import type { Random } from "../../tensor/random.ts";
import {
  axisLayout,
  checkShape,
  formatShape,
  resolveAxis,
  type Shape,
  ShapeError,
  sameShape,
  sizeOf,
  stridesOf,
} from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp, type Op } from "../op.ts";
import { drawShape, indicesBelow } from "./samples.ts";

// ---- the same elements under another shape

export const reshapeOp = defineOp<{ shape: Shape }>({
  name: "reshape",
  twice: true,
  moves: true,
  shape([x], { shape }) {
    checkShape("reshape", shape);
    if (sizeOf(shape) !== sizeOf(x)) {
      throw new ShapeError(
        `reshape: ${formatShape(x)} has ${sizeOf(x)} elements, ${formatShape(shape)} has ${sizeOf(shape)}`,
      );
    }
    return shape;
  },
  forward: (call, [x]) => call.view(x),
  backward: ({ gradient, inputShapes }) => [() => reshape(gradient, inputShapes[0])],
  sample(random, longest) {
    const shape = drawShape(random, { longest });
    return { inputs: [{ shape }], options: { shape: random.integer(2) === 0 ? [sizeOf(shape)] : [...shape, 1] } };
  },
});

/** The same elements under another shape, without a copy. One size may be −1: it follows from the others. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const unknown = shape.indexOf(-1);
  if (unknown < 0) return sameShape(x.shape, shape) ? x : reshapeOp([x], { shape });
  const known = shape.reduce((product, size, axis) => (axis === unknown ? product : product * size), 1);
  if (known === 0 || x.size % known !== 0 || shape.lastIndexOf(-1) !== unknown) {
    throw new ShapeError(
      `reshape: ${formatShape(x.shape)} with ${x.size} elements cannot become ${formatShape(shape)}`,
    );
  }
  return reshapeOp([x], { shape: shape.map((size) => (size === -1 ? x.size / known : size)) });
}

// ---- a strided view, copied

interface StridedOptions {
  view: StridedLayout;
}

/** out = x seen through strides; the common core of permute, transpose and slice. */
export const stridedOp: Op<StridedOptions> = defineOp<StridedOptions>({
  name: "strided",
  twice: true,
  moves: true,
  shape: (_, { view }) => view.sizes,
  forward(call, [x]) {
    const out = call.allocate();
    call.kernels.copyStrided(x.data, out.data, call.options.view);
    return out;
  },
  backward: ({ gradient, options, inputShapes }) => [
    () => stridedScatterOp([gradient], { view: options.view, shape: inputShapes[0] }),
  ],
  sample(random, longest) {
    const { shape, view } = drawView(random, longest);
    return { inputs: [{ shape }], options: { view } };
  },
});

/** Zeros, with x added in through strides: the transpose of {@link stridedOp}. */
export const stridedScatterOp: Op<StridedOptions & { shape: Shape }> = defineOp<StridedOptions & { shape: Shape }>({
  name: "stridedScatter",
  twice: true,
  shape: (_, { shape }) => shape,
  forward(call, [x]) {
    const out = call.allocate();
    call.kernels.fill(out.numbers, 0);
    call.kernels.addStrided(x.numbers, out.numbers, call.options.view);
    return out;
  },
  backward: ({ gradient, options: { view } }) => [() => stridedOp([gradient], { view })],
  sample(random, longest) {
    const { shape, view } = drawView(random, longest);
    return { inputs: [{ shape: view.sizes }], options: { view, shape } };
  },
});

function drawView(random: Random, longest?: number): { shape: Shape; view: StridedLayout } {
  const shape = drawShape(random, { longest, minimumRank: 1 });
  const strides = stridesOf(shape);
  const starts = shape.map((size) => random.integer(size));
  const order = [...random.permutation(shape.length)];
  return {
    shape,
    view: {
      sizes: order.map((axis) => shape[axis] - starts[axis]),
      strides: order.map((axis) => strides[axis]),
      start: starts.reduce((sum, start, axis) => sum + start * strides[axis], 0),
    },
  };
}

/** The axes in another order: axis i of the result is axis `order[i]` of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const axes = order.map((axis) => resolveAxis("permute", axis, x.rank));
  if (new Set(axes).size !== x.rank || axes.length !== x.rank) {
    throw new ShapeError(
      `permute: [${order.join(", ")}] does not name each of the ${x.rank} axes of ${formatShape(x.shape)} once`,
    );
  }
  if (axes.every((axis, index) => axis === index)) return x;
  const strides = stridesOf(x.shape);
  const view = { sizes: axes.map((axis) => x.shape[axis]), strides: axes.map((axis) => strides[axis]), start: 0 };
  return stridedOp([x], { view });
}

/** Two axes exchanged; the last two when absent. */
export function transpose(x: Tensor, options: { axes?: readonly [number, number] } = {}): Tensor {
  const [first, second] = (options.axes ?? [-2, -1]).map((axis) => resolveAxis("transpose", axis, x.rank));
  const order = x.shape.map((_, axis) => axis);
  order[first] = second;
  order[second] = first;
  return permute(x, order);
}

/** Indices `start` … `end`−1 of an axis, to its end when that is absent; negative numbers count from the end. Null: all. */
export type IndexRange = readonly [start: number, end?: number] | null;

/** The part of x in a range of each axis; trailing axes without one are taken whole. */
export function slice(x: Tensor, ranges: readonly IndexRange[]): Tensor {
  if (ranges.length > x.rank) throw new ShapeError(`slice: ${ranges.length} ranges for a tensor of ${x.rank} axes`);
  const strides = stridesOf(x.shape);
  let start = 0;
  const sizes = x.shape.map((size, axis) => {
    const [first, end = size] = ranges[axis] ?? [0];
    const [from, to] = [first, end].map((index) => (index < 0 ? index + size : index));
    if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= size)) {
      throw new ShapeError(`slice: [${first}, ${end}) does not lie inside axis ${axis} of ${formatShape(x.shape)}`);
    }
    start += from * strides[axis];
    return to - from;
  });
  return sameShape(sizes, x.shape) ? x : stridedOp([x], { view: { sizes, strides, start } });
}

/** x cut along an axis into parts of the given sizes. */
export function split(x: Tensor, options: { sizes: readonly number[]; axis?: number }): Tensor[] {
  const axis = resolveAxis("split", options.axis ?? 0, x.rank);
  if (options.sizes.some((size) => !Number.isInteger(size) || size < 0))
    throw new ShapeError(`split: sizes [${options.sizes.join(", ")}] are not all whole numbers ≥ 0`);
  const total = options.sizes.reduce((a, b) => a + b, 0);
  if (total !== x.shape[axis]) {
    throw new ShapeError(
      `split: sizes [${options.sizes.join(", ")}] add up to ${total}, axis ${axis} of ${formatShape(x.shape)} has ${x.shape[axis]}`,
    );
  }
  let start = 0;
  return options.sizes.map((size) => {
    const ranges = x.shape.map((length, index) =>
      index === axis ? ([start, start + size] as const) : ([0, length] as const),
    );
    start += size;
    return slice(x, ranges);
  });
}

// ---- several tensors into one

export const concatOp = defineOp<{ axis: number }>({
  name: "concat",
  twice: true,
  moves: true,
  shape(inputs, { axis }) {
    const first = inputs[0];
    let total = 0;
    for (const shape of inputs) {
      if (shape.length !== first.length || shape.some((size, index) => index !== axis && size !== first[index])) {
        throw new ShapeError(`concat: ${formatShape(shape)} does not fit ${formatShape(first)} along axis ${axis}`);
      }
      total += shape[axis];
    }
    return first.map((size, index) => (index === axis ? total : size));
  },
  forward(call, inputs) {
    const out = call.allocate();
    const { data } = out;
    const row = sizeOf(call.shape.slice(call.options.axis));
    let start = 0;
    for (const input of inputs) {
      const part = sizeOf(input.shape.slice(call.options.axis));
      const from = input.data;
      for (let at = 0, to = start; at < from.length; at += part, to += row) data.set(from.subarray(at, at + part), to);
      start += part;
    }
    return out;
  },
  backward({ gradient, inputShapes, options: { axis } }) {
    let start = 0;
    return inputShapes.map((shape) => {
      const from = start;
      start += shape[axis];
      return () =>
        slice(
          gradient,
          shape.map((size, index) => (index === axis ? [from, from + size] : [0, size])),
        );
    });
  },
  sample(random, longest) {
    const shape = drawShape(random, { longest, minimumRank: 1 });
    const axis = random.integer(shape.length);
    const inputs = Array.from({ length: 1 + random.integer(3) }, () => ({
      shape: shape.map((size, index) => (index === axis ? 1 + random.integer(3) : size)),
    }));
    return { inputs, options: { axis } };
  },
});

/** Tensors joined along an existing axis. */
export function concat(tensors: readonly Tensor[], options: { axis?: number } = {}): Tensor {
  if (tensors.length === 0) throw new ShapeError("concat: there is nothing to join");
  return concatOp(tensors, { axis: resolveAxis("concat", options.axis ?? 0, tensors[0].rank) });
}

/** Tensors of one shape joined along a new axis. */
export function stack(tensors: readonly Tensor[], options: { axis?: number } = {}): Tensor {
  if (tensors.length === 0) throw new ShapeError("stack: there is nothing to join");
  const { shape } = tensors[0];
  const axis = resolveAxis("stack", options.axis ?? 0, shape.length + 1);
  for (const tensor of tensors) {
    if (!sameShape(tensor.shape, shape))
      throw new ShapeError(`stack: ${formatShape(tensor.shape)} is not of the first one's shape ${formatShape(shape)}`);
  }
  const withAxis = tensors.map((tensor) => reshape(tensor, [...shape.slice(0, axis), 1, ...shape.slice(axis)]));
  return concat(withAxis, { axis });
}

// ---- picking by index

/** @throws naming the operation, the index and the bound. */
export function checkIndices(operation: string, indices: Int32Array, bound: number): void {
  for (const index of indices) {
    if (index < 0 || index >= bound) throw new ShapeError(`${operation}: index ${index} is outside 0 … ${bound - 1}`);
  }
}

/** out[…, i, …] = x[…, indices[i], …]; inputs x and the flat indices. */
export const takeRowsOp: Op<{ axis: number }> = defineOp<{ axis: number }>({
  name: "indexSelect",
  twice: true,
  moves: true,
  indexInputs: [1],
  shape: ([x, indices], { axis }) => x.map((size, index) => (index === axis ? sizeOf(indices) : size)),
  forward(call, [x, indices]) {
    const { axis } = call.options;
    checkIndices("indexSelect", indices.indices, x.shape[axis]);
    const out = call.allocate();
    call.kernels.takeRows(x.data, indices.indices, out.data, axisLayout(x.shape, axis));
    call.save(indices);
    return out;
  },
  backward({ gradient, saved: [indices], inputShapes, options: { axis } }) {
    return [() => addRowsOp([gradient, indices], { axis, size: inputShapes[0][axis] }), null];
  },
  sample(random, longest) {
    const shape = drawShape(random, { longest, minimumRank: 1 });
    const axis = random.integer(shape.length);
    const indices = { shape: [1 + random.integer(5)], dtype: "i32" as const, values: indicesBelow(shape[axis]) };
    return { inputs: [{ shape }, indices], options: { axis } };
  },
});

/** Zeros of `size` along the axis, with x's slices added at the indices: the transpose of {@link takeRowsOp}. */
export const addRowsOp: Op<{ axis: number; size: number }> = defineOp<{ axis: number; size: number }>({
  name: "indexAdd",
  twice: true,
  indexInputs: [1],
  shape: ([x], { axis, size }) => x.map((length, index) => (index === axis ? size : length)),
  forward(call, [x, indices]) {
    const out = call.allocate();
    call.kernels.fill(out.numbers, 0);
    call.kernels.addRows(x.numbers, indices.indices, out.numbers, axisLayout(call.shape, call.options.axis));
    call.save(indices);
    return out;
  },
  backward: ({ gradient, saved: [indices], options: { axis } }) => [
    () => takeRowsOp([gradient, indices], { axis }),
    null,
  ],
  sample(random, longest) {
    const shape = drawShape(random, { longest, minimumRank: 1 });
    const axis = random.integer(shape.length);
    const size = 1 + random.integer(5);
    return {
      inputs: [{ shape }, { shape: [shape[axis]], dtype: "i32", values: indicesBelow(size) }],
      options: { axis, size },
    };
  },
});

/** The slices of x at the indices (i32, one axis), along an axis (0 when absent). @throws for an index out of bounds. */
export function indexSelect(x: Tensor, indices: Tensor, options: { axis?: number } = {}): Tensor {
  return takeRowsOp([x, indices], { axis: resolveAxis("indexSelect", options.axis ?? 0, x.rank) });
}

/** out[o, i, n] = x[o, indices[o, i, n], n] along the axis; inputs x and indices of the same rank. */
export const gatherOp: Op<{ axis: number }> = defineOp<{ axis: number }>({
  name: "gather",
  twice: true,
  moves: true,
  indexInputs: [1],
  shape([x, indices], { axis }) {
    if (x.length !== indices.length || x.some((size, index) => index !== axis && size !== indices[index])) {
      throw new ShapeError(`gather: indices ${formatShape(indices)} do not fit ${formatShape(x)} outside axis ${axis}`);
    }
    return indices;
  },
  forward(call, [x, indices]) {
    const { axis } = call.options;
    checkIndices("gather", indices.indices, x.shape[axis]);
    const out = call.allocate();
    const layout = { ...axisLayout(x.shape, axis), count: indices.shape[axis] };
    call.kernels.gatherElements(x.data, indices.indices, out.data, layout);
    call.save(indices);
    return out;
  },
  backward({ gradient, saved: [indices], inputShapes, options: { axis } }) {
    return [() => scatterAddOp([gradient, indices], { axis, size: inputShapes[0][axis] }), null];
  },
  sample(random, longest) {
    const shape = drawShape(random, { longest, minimumRank: 1 });
    const axis = random.integer(shape.length);
    const picked = shape.map((size, index) => (index === axis ? 1 + random.integer(4) : size));
    return {
      inputs: [{ shape }, { shape: picked, dtype: "i32", values: indicesBelow(shape[axis]) }],
      options: { axis },
    };
  },
});

/** Zeros of `size` along the axis, with x's elements added where the indices say: the transpose of {@link gatherOp}. */
export const scatterAddOp: Op<{ axis: number; size: number }> = defineOp<{ axis: number; size: number }>({
  name: "scatterAdd",
  twice: true,
  indexInputs: [1],
  shape: ([x], { axis, size }) => x.map((length, index) => (index === axis ? size : length)),
  forward(call, [x, indices]) {
    const { axis } = call.options;
    const out = call.allocate();
    call.kernels.fill(out.numbers, 0);
    const layout = { ...axisLayout(call.shape, axis), count: x.shape[axis] };
    call.kernels.addElements(x.numbers, indices.indices, out.numbers, layout);
    call.save(indices);
    return out;
  },
  backward: ({ gradient, saved: [indices], options: { axis } }) => [
    () => gatherOp([gradient, indices], { axis }),
    null,
  ],
  sample(random, longest) {
    const shape = drawShape(random, { longest, minimumRank: 1 });
    const axis = random.integer(shape.length);
    const size = 1 + random.integer(5);
    return { inputs: [{ shape }, { shape, dtype: "i32", values: indicesBelow(size) }], options: { axis, size } };
  },
});

/** Element by element, the entries of x that i32 indices of the same rank name along an axis (the last when absent). */
export function gather(x: Tensor, indices: Tensor, options: { axis?: number } = {}): Tensor {
  return gatherOp([x, indices], { axis: resolveAxis("gather", options.axis ?? -1, x.rank) });
}
