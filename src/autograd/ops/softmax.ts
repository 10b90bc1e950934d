/** Softmax and its logarithm over an axis. */

import type { RowsLayout } from "../../tensor/kernels.ts";
import { formatShape, resolveAxis, type Shape, ShapeError, sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp, type Op } from "../op.ts";
import { exp, mul, sub } from "./elementwise.ts";
import { sum } from "./reduction.ts";
import { drawShape } from "./samples.ts";
import { transpose } from "./shaping.ts";

/** A tensor seen as rows of its last axis. */
export function rowsLayout(shape: Shape): RowsLayout {
  const columns = shape.at(-1) ?? 1;
  return { rows: columns === 0 ? 0 : sizeOf(shape) / columns, columns };
}

function needsLastAxis(name: string, shape: Shape): Shape {
  if (shape.length === 0 || shape.at(-1) === 0)
    throw new ShapeError(`${name}: ${formatShape(shape)} has no last axis to normalise`);
  return shape;
}

const sumLast = (x: Tensor) => sum(x, { axes: -1, keepAxes: true });

export const softmaxOp = defineOp<undefined>({
  name: "softmax",
  twice: true,
  shape: ([x]) => needsLastAxis("softmax", x),
  forward(call, [x]) {
    const out = call.allocate();
    call.kernels.softmax(x.numbers, out.numbers, rowsLayout(x.shape));
    call.save(out);
    return out;
  },
  backward({ gradient, saved: [y], createGraph, kernels, allocate }) {
    if (createGraph) return [() => mul(y, sub(gradient, sumLast(mul(gradient, y))))];
    return [
      () => {
        const out = allocate(y.shape);
        kernels.softmaxBackward(y.numbers, gradient.numbers, out.numbers, rowsLayout(y.shape));
        return out;
      },
    ];
  },
  sample: (random, longest) => ({
    inputs: [{ shape: drawShape(random, { longest, minimumRank: 1 }) }],
    options: undefined,
  }),
});

export const logSoftmaxOp = defineOp<undefined>({
  name: "logSoftmax",
  twice: true,
  shape: ([x]) => needsLastAxis("logSoftmax", x),
  forward(call, [x]) {
    const out = call.allocate();
    call.kernels.logSoftmax(x.numbers, out.numbers, rowsLayout(x.shape));
    call.save(out);
    return out;
  },
  backward: ({ gradient, saved: [y] }) => [() => sub(gradient, mul(exp(y), sumLast(gradient)))],
  sample: (random, longest) => ({
    inputs: [{ shape: drawShape(random, { longest, minimumRank: 1 }) }],
    options: undefined,
  }),
});

export interface SoftmaxOptions {
  /** The last when absent. */
  axis?: number;
}

/** The kernels know the last axis alone: another one is exchanged with it, there and back. */
function alongAxis(op: Op<undefined>, x: Tensor, axis: number): Tensor {
  const last = x.rank - 1;
  const axes = [x.rank === 0 ? last : resolveAxis(op.record.name, axis, x.rank), last] as const;
  return axes[0] === last ? op([x], undefined) : transpose(op([transpose(x, { axes })], undefined), { axes });
}

/** eˣ/Σeˣ over an axis. */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return alongAxis(softmaxOp, x, options.axis ?? -1);
}

/** x − ln Σeˣ over an axis. */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return alongAxis(logSoftmaxOp, x, options.axis ?? -1);
}
