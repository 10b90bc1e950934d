/** Matrix products: batched, transposed by argument, and the affine layer. */

import type { MatmulLayout } from "../../tensor/kernels.ts";
import { broadcastShapes, formatShape, type Shape, ShapeError, sameShape, sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp, type Op, type OpFlops } from "../op.ts";
import { add, expand } from "./elementwise.ts";
import { sum } from "./reduction.ts";
import { drawLength } from "./samples.ts";
import { reshape } from "./shaping.ts";

export interface MatmulOptions {
  /** a is stored [K, M]. */
  transposeA?: boolean;
  /** b is stored [N, K]. */
  transposeB?: boolean;
}

interface Sizes {
  batch: Shape;
  rows: number;
  columns: number;
  inner: number;
}

function matmulSizes(name: string, a: Shape, b: Shape, { transposeA, transposeB }: MatmulOptions): Sizes {
  if (a.length < 2 || b.length < 2) {
    throw new ShapeError(`${name}: needs matrices, got ${formatShape(a)} and ${formatShape(b)}`);
  }
  const [rows, innerA] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [innerB, columns] = transposeB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  if (innerA !== innerB) {
    const marks = `${formatShape(a)}${transposeA ? "ᵀ" : ""} · ${formatShape(b)}${transposeB ? "ᵀ" : ""}`;
    throw new ShapeError(`${name}: inner dimensions differ in ${marks}: ${innerA} and ${innerB}`);
  }
  return { batch: a.slice(0, -2), rows, columns, inner: innerA };
}

/** The kernel's view of contiguous matrices, batches one after another. */
export function contiguousLayout(a: Shape, b: Shape, options: MatmulOptions = {}): MatmulLayout {
  const { batch, rows, columns, inner } = matmulSizes("matmul", a, b, options);
  return {
    rows,
    columns,
    inner,
    transposeA: options.transposeA ?? false,
    transposeB: options.transposeB ?? false,
    aRow: a.at(-1)!,
    bRow: b.at(-1)!,
    outRow: columns,
    batches: [1, sizeOf(batch)],
    aBatch: [0, rows * inner],
    bBatch: [0, inner * columns],
    outBatch: [0, rows * columns],
  };
}

export function matmulFlops(a: Shape, b: Shape, options: MatmulOptions): OpFlops {
  const { batch, rows, columns, inner } = matmulSizes("matmul", a, b, options);
  const forward = 2 * sizeOf(batch) * rows * columns * inner;
  return { forward, backward: [forward, forward, 0] };
}

export const matmulOp: Op<MatmulOptions> = defineOp<MatmulOptions>({
  name: "matmul",
  twice: true,
  shape([a, b], options) {
    const { batch, rows, columns } = matmulSizes("matmul", a, b, options);
    if (!sameShape(batch, b.slice(0, -2))) {
      throw new ShapeError(`matmul: batch axes differ in ${formatShape(a)} and ${formatShape(b)}`);
    }
    return [...batch, rows, columns];
  },
  forward(call, [a, b]) {
    const out = call.allocate();
    call.kernels.matmul(a.numbers, b.numbers, out.numbers, contiguousLayout(a.shape, b.shape, call.options));
    call.save(a, b);
    return out;
  },
  // C = A·B ⇒ dA = dC·Bᵀ, dB = Aᵀ·dC; a transposed operand receives the transpose of its gradient.
  backward({ gradient, saved: [a, b], options: { transposeA = false, transposeB = false } }) {
    return [
      () =>
        transposeA
          ? matmulOp([b, gradient], { transposeA: transposeB, transposeB: true })
          : matmulOp([gradient, b], { transposeB: !transposeB }),
      () =>
        transposeB
          ? matmulOp([gradient, a], { transposeA: true, transposeB: transposeA })
          : matmulOp([a, gradient], { transposeA: !transposeA }),
    ];
  },
  flops: ([a, b], options) => matmulFlops(a, b, options),
  sample(random, longest) {
    const size = () => drawLength(random, longest);
    const [rows, columns, inner] = [size(), size(), size()];
    const batch = Array.from({ length: random.integer(3) }, () => 1 + random.integer(3));
    const options = { transposeA: random.integer(2) === 0, transposeB: random.integer(2) === 0 };
    return {
      inputs: [
        { shape: [...batch, ...(options.transposeA ? [inner, rows] : [rows, inner])] },
        { shape: [...batch, ...(options.transposeB ? [columns, inner] : [inner, columns])] },
      ],
      options,
    };
  },
});

/**
 * Matrix product a·b of [..., M, K] and [..., K, N] → [..., M, N]; batch axes broadcast.
 * @throws ShapeError naming the dimensions that differ.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { rows, columns } = matmulSizes("matmul", a.shape, b.shape, options);
  if (b.rank === 2 && a.rank > 2 && !options.transposeA) {
    // One tall product instead of many small ones, and a gradient of b that is summed inside the product.
    const batch = a.shape.slice(0, -2);
    const tall = matmulOp([reshape(a, [sizeOf(batch) * rows, a.shape.at(-1)!]), b], options);
    return reshape(tall, [...batch, rows, columns]);
  }
  const batch = broadcastShapes("matmul (batch axes)", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = expand(a, [...batch, ...a.shape.slice(-2)]);
  const right = expand(b, [...batch, ...b.shape.slice(-2)]);
  return matmulOp([left, right], options);
}

/** x·W + b (+ residual) in one pass; inputs x [rows, in], W [in, out], b [out] and, if given, the residual [rows, out]. */
export const linearOp = defineOp<undefined>({
  name: "linear",
  twice: true,
  shape: ([x, weight, bias, residual]) => linearShape("linear", x, weight, bias, residual),
  forward(call, [x, weight, bias, residual]) {
    const out = call.allocate();
    call.kernels.matmul(x.numbers, weight.numbers, out.numbers, {
      ...contiguousLayout(x.shape, weight.shape),
      bias: bias.numbers,
      ...(residual !== undefined && { residual: residual.numbers }),
    });
    call.save(x, weight);
    return out;
  },
  backward: ({ gradient, saved: [x, weight] }) => [
    () => matmulOp([gradient, weight], { transposeB: true }),
    () => matmulOp([x, gradient], { transposeA: true }),
    () => sum(gradient, { axes: 0 }),
    () => gradient,
  ],
  flops: ([x, weight, , residual]) => linearFlops(x, weight, residual),
  sample(random, longest) {
    const size = () => drawLength(random, longest);
    const [rows, columns, inner] = [size(), size(), size()];
    const residual = random.integer(2) === 0 ? [{ shape: [rows, columns] }] : [];
    return {
      inputs: [{ shape: [rows, inner] }, { shape: [inner, columns] }, { shape: [columns] }, ...residual],
      options: undefined,
    };
  },
});

/** The output's shape of an affine map with a residual. @throws ShapeError naming what does not fit. */
export function linearShape(name: string, x: Shape, weight: Shape, bias: Shape, residual: Shape | undefined): Shape {
  const { rows, columns } = matmulSizes(name, x, weight, {});
  if (bias.length !== 1 || bias[0] !== columns) {
    throw new ShapeError(
      `${name}: bias ${formatShape(bias)} does not fit the ${columns} outputs of ${formatShape(weight)}`,
    );
  }
  if (residual !== undefined && !sameShape(residual, [rows, columns])) {
    throw new ShapeError(
      `${name}: residual ${formatShape(residual)} does not fit the output ${formatShape([rows, columns])}`,
    );
  }
  return [rows, columns];
}

/** FLOPs of the product of an affine map; the gradients of bias and residual count nothing. */
function linearFlops(x: Shape, weight: Shape, residual: Shape | undefined): OpFlops {
  const { forward, backward } = matmulFlops(x, weight, {});
  return { forward, backward: residual === undefined ? backward : [...backward, 0] };
}

/** The affine map y = x·W (+ b) (+ residual) of [..., in] with W [in, out] and, if given, b [out] and residual [..., out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, { residual }: { residual?: Tensor } = {}): Tensor {
  const [inputs, outputs] = weight.shape;
  if (x.shape.at(-1) !== inputs) {
    throw new ShapeError(
      `linear: the last axis of ${formatShape(x.shape)} is not the ${inputs} inputs of weight ${formatShape(weight.shape)}`,
    );
  }
  const rows = asRows(x);
  const outer = x.shape.slice(0, -1);
  if (bias === undefined) {
    const y = reshape(matmulOp([rows, weight], {}), [...outer, outputs]);
    return residual === undefined ? y : add(residual, y);
  }
  const y = linearOp([rows, weight, bias, ...(residual === undefined ? [] : [asRows(residual)])], undefined);
  return reshape(y, [...outer, outputs]);
}

/** [..., C] → [rows, C] */
export function asRows(x: Tensor): Tensor {
  return reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}
