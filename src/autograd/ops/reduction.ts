/** Reductions over any axes: sum, mean, largest, smallest, variance, logSumExp, argmax. */

import type { AxisLayout, Kernels, Numbers } from "../../tensor/kernels.ts";
import type { Random } from "../../tensor/random.ts";
import { axisLayout, formatShape, resolveAxes, type Shape, ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp, type ForwardCall, type Sample } from "../op.ts";
import { abs, add, div, equal, exp, expand, log, mul, neg, sub, where } from "./elementwise.ts";
import { distinct, drawShape } from "./samples.ts";
import { permute, reshape } from "./shaping.ts";

export interface ReductionOptions {
  /** The axes to reduce; all when absent. Negative ones count from the end. */
  axes?: number | readonly number[];
  /** Leaves the reduced axes in the shape with size 1. */
  keepAxes?: boolean;
}

/** Resolved: ascending axes. */
interface Reduction {
  axes: readonly number[];
  keepAxes: boolean;
}

function reducedShape(shape: Shape, { axes, keepAxes }: Reduction): number[] {
  return keepAxes
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));
}

/** Runs of neighbouring axes as [outer, size, inner], last run first, so that earlier runs keep their place. */
function reductionSteps(shape: Shape, axes: readonly number[]): AxisLayout[] {
  const left = [...shape];
  const steps: AxisLayout[] = [];
  for (let last = axes.length - 1; last >= 0; ) {
    let first = last;
    while (first > 0 && axes[first - 1] === axes[first] - 1) first--;
    const [from, to] = [axes[first], axes[last] + 1];
    const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
    steps.push({
      outer: product(left.slice(0, from)),
      size: product(left.slice(from, to)),
      inner: product(left.slice(to)),
    });
    left.fill(1, from, to);
    last = first - 1;
  }
  return steps;
}

function reduce(call: ForwardCall<Reduction>, x: Tensor, kernel: Kernels["sum"]): Tensor {
  const out = call.allocate();
  const steps = reductionSteps(x.shape, call.options.axes);
  let from: Numbers = x.numbers;
  if (steps.length === 0) out.numbers.set(from);
  steps.forEach((step, index) => {
    const isLast = index === steps.length - 1;
    const to = isLast ? out.numbers : call.auxiliary([step.outer * step.inner]).numbers;
    kernel(from, to, step);
    from = to;
  });
  return out;
}

/** @throws when an axis without elements is to give one. */
function checkFilled(operation: string, shape: Shape, axes: readonly number[]): void {
  for (const axis of axes) {
    if (shape[axis] === 0) throw new ShapeError(`${operation}: axis ${axis} of ${formatShape(shape)} is empty`);
  }
}

function drawReduction(
  random: Random,
  longest?: number,
  values?: (random: Random, size: number) => ArrayLike<number>,
): Sample<Reduction> {
  const shape = drawShape(random, { longest });
  const axes = shape.map((_, axis) => axis).filter(() => random.integer(2) === 0);
  return { inputs: [{ shape, values }], options: { axes, keepAxes: random.integer(2) === 0 } };
}

/** A reduced tensor stretched back over the axes that were reduced. */
function restore(reduced: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return expand(reshape(reduced, reducedShape(shape, { axes, keepAxes: true })), shape);
}

export const sumOp = defineOp<Reduction>({
  name: "sum",
  twice: true,
  shape: ([x], options) => reducedShape(x, options),
  forward: (call, [x]) => reduce(call, x, call.kernels.sum),
  backward: ({ gradient, options, inputShapes }) => [() => restore(gradient, inputShapes[0], options.axes)],
  sample: (random, longest) => drawReduction(random, longest),
});

export const maxOp = defineOp<Reduction>({
  name: "max",
  twice: true,
  shape([x], options) {
    checkFilled("max", x, options.axes);
    return reducedShape(x, options);
  },
  forward(call, [x]) {
    const out = reduce(call, x, call.kernels.max);
    call.save(x, out);
    return out;
  },
  backward({ gradient, saved: [x, out], options }) {
    return [
      () => {
        const isLargest = equal(x, restore(out, x.shape, options.axes));
        const ties = sum(isLargest, { axes: options.axes, keepAxes: true });
        return mul(restore(gradient, x.shape, options.axes), div(isLargest, expand(ties, x.shape)));
      },
    ];
  },
  sample: (random, longest) => drawReduction(random, longest, distinct()),
});

export const argmaxOp = defineOp<{ axis: number }>({
  name: "argmax",
  twice: true,
  dtype: "i32",
  shape([x], { axis }) {
    checkFilled("argmax", x, [axis]);
    return x.filter((_, index) => index !== axis);
  },
  forward(call, [x]) {
    const out = call.allocate();
    call.kernels.argmax(x.numbers, out.indices, axisLayout(x.shape, call.options.axis));
    return out;
  },
  sample(random, longest) {
    const shape = drawShape(random, { longest, minimumRank: 1 });
    return { inputs: [{ shape, values: distinct() }], options: { axis: random.integer(shape.length) } };
  },
});

function resolve(operation: string, x: Tensor, options: ReductionOptions): Reduction {
  return { axes: resolveAxes(operation, options.axes, x.rank), keepAxes: options.keepAxes ?? false };
}

function countAlong(x: Tensor, axes: readonly number[]): number {
  return axes.reduce((count, axis) => count * x.shape[axis], 1);
}

/** Σ over the axes. */
export function sum(x: Tensor, options: ReductionOptions = {}): Tensor {
  return sumOp([x], resolve("sum", x, options));
}

/** The mean over the axes. */
export function mean(x: Tensor, options: ReductionOptions = {}): Tensor {
  const resolved = resolve("mean", x, options);
  return mul(sumOp([x], resolved), 1 / countAlong(x, resolved.axes));
}

/** The largest element over the axes; equal largest ones share the gradient. @throws for an empty axis. */
export function max(x: Tensor, options: ReductionOptions = {}): Tensor {
  return maxOp([x], resolve("max", x, options));
}

/** The smallest element over the axes; equal smallest ones share the gradient. @throws for an empty axis. */
export function min(x: Tensor, options: ReductionOptions = {}): Tensor {
  const resolved = resolve("min", x, options);
  checkFilled("min", x.shape, resolved.axes);
  return neg(maxOp([neg(x)], resolved));
}

/** Σ(x − mean)²/(n − correction) over the axes; `correction` 0 (default) or 1 for the unbiased estimate. */
export function variance(x: Tensor, options: ReductionOptions & { correction?: number } = {}): Tensor {
  const { axes, keepAxes } = resolve("variance", x, options);
  const centred = sub(x, mean(x, { axes, keepAxes: true }));
  return mul(sum(mul(centred, centred), { axes, keepAxes }), 1 / (countAlong(x, axes) - (options.correction ?? 0)));
}

/** ln Σ eˣ over the axes, without overflow: the largest element is taken out first. */
export function logSumExp(x: Tensor, options: ReductionOptions = {}): Tensor {
  const resolved = resolve("logSumExp", x, options);
  const { axes } = resolved;
  const top = max(detach(x), { axes, keepAxes: true });
  // An infinity cannot be taken out: ∞ − ∞ has no value, while ln 0 = −∞ and ln ∞ = ∞ have.
  const largest = where(equal(abs(top), Number.POSITIVE_INFINITY), 0, top);
  const total = sum(exp(sub(x, largest)), { axes, keepAxes: true });
  return reshape(add(log(total), largest), reducedShape(x.shape, resolved));
}

/**
 * The index of the first largest element over the axes (of the first NaN where there is one), as i32; no gradient. Over several axes it counts through them in
 * row-major order, as if they were one.
 */
export function argmax(x: Tensor, options: ReductionOptions = {}): Tensor {
  const resolved = resolve("argmax", x, options);
  const { axes } = resolved;
  checkFilled("argmax", x.shape, axes);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const areNeighbours = axes.every((axis, index) => index === 0 || axis === axes[index - 1] + 1);
  const axis = areNeighbours && axes.length > 0 ? axes[0] : kept.length;
  const ordered = areNeighbours ? x : permute(detach(x), [...kept, ...axes]);
  const sizes = kept.map((index) => x.shape[index]);
  sizes.splice(axis, 0, countAlong(x, axes));
  return reshape(argmaxOp([reshape(ordered, sizes)], { axis }), reducedShape(x.shape, resolved));
}

/** The same numbers without history: gradients end here. */
export function detach(x: Tensor): Tensor {
  return detachOp([x], undefined);
}

export const detachOp = defineOp<undefined>({
  name: "detach",
  twice: true,
  moves: true,
  shape: ([x]) => x,
  forward: (call, [x]) => call.view(x),
  sample: (random, longest) => ({ inputs: [{ shape: drawShape(random, { longest }) }], options: undefined }),
});
