/**
 * Output projection and cross-entropy together: readable, from operations; and fused, in chunks of rows.
 *
 * Of all values of a language model the logits [R, V] are by far the most, and nobody needs them but the loss. So the fused
 * form makes those of a few rows at a time, in a buffer that stays in a cache, and turns them at once into what is left of
 * them: losses and, where gradients are wanted, the chunk's share of these. The backward pass only scales them.
 */

import { TILE_ROWS } from "../../tensor/matmul-parts.ts";
import { formatShape, type Shape, ShapeError, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp } from "../op.ts";
import { add } from "./elementwise.ts";
import {
  type CrossEntropyOptions,
  checkLabelSmoothing,
  checkTargets,
  countTargets,
  crossEntropy,
  type RowLossOptions,
} from "./loss.ts";
import { contiguousLayout, matmul } from "./matmul.ts";
import { drawLength } from "./samples.ts";
import { reshape } from "./shaping.ts";

export interface ProjectedCrossEntropyOptions extends CrossEntropyOptions {
  /** [V], added to the logits of every row. */
  bias?: Tensor;
  reduction?: "mean" | "sum";
  /** Rows whose logits are made at a time; when absent as many as keep the products efficient and the logits in a cache. */
  chunkRows?: number;
}

interface FusedOptions extends RowLossOptions {
  reduction: "mean" | "sum";
  chunkRows: number;
}

/** A chunk's logits are passed over six times: about so many stay in a cache meanwhile. */
const CHUNK_BYTES = 2 ** 21;
/** Every chunk packs the table twice and adds to its whole gradient: beside the products of so many rows that is little. */
const LEAST_CHUNK_ROWS = 256;

/** Rows of the chunks that {@link projectedCrossEntropy} chooses for logits [rows, classes]: of nearly equal size. */
export function projectionChunkRows(rows: number, classes: number, elementBytes = 4): number {
  if (rows === 0) return TILE_ROWS;
  const most = Math.max(LEAST_CHUNK_ROWS, Math.floor(CHUNK_BYTES / (classes * elementBytes)));
  return TILE_ROWS * Math.ceil(rows / Math.ceil(rows / most) / TILE_ROWS);
}

/** mean or sum over r of −Σ target·ln softmax(hidden[r]·tableᵀ + bias); inputs hidden [R, C], table [V, C], targets [R], bias [V]. */
export const projectedCrossEntropyOp = defineOp<FusedOptions>({
  name: "projectedCrossEntropy",
  twice: false,
  indexInputs: [2],
  shape([hidden, table, targets, bias]) {
    checkShapes(hidden, table, targets, bias);
    return [];
  },
  forward(call, [hidden, table, targets, bias]) {
    const { kernels, options, inputWants } = call;
    const [rows, size] = hidden.shape;
    const [classes] = table.shape;
    const { ignoreIndex, labelSmoothing, reduction } = options;
    checkTargets("projectedCrossEntropy", targets, { ignoreIndex, classes });
    const factor = reduction === "sum" ? 1 : 1 / countTargets("projectedCrossEntropy", targets, ignoreIndex);
    const chunkRows = Math.min(rows, options.chunkRows);

    const out = call.allocate();
    const losses = call.auxiliary([rows]);
    const logSumExps = call.auxiliary([chunkRows]);
    const logits = call.auxiliary([chunkRows, classes]);
    const rowGradients = call.auxiliary([chunkRows]);
    kernels.fill(rowGradients.numbers, factor);
    const [hiddenGradient, tableGradient, , biasGradient] = [hidden, table, targets, bias].map((input, index) =>
      inputWants[index] ? call.auxiliary(input.shape) : null,
    );
    const gradients = [hiddenGradient, tableGradient, biasGradient].filter((gradient) => gradient !== null);
    const chunkBiasGradient = biasGradient && call.auxiliary([classes]);
    // The first chunk writes what the others add to.
    if (rows === 0) for (const gradient of gradients) kernels.fill(gradient.numbers, 0);

    for (let first = 0; first < rows; first += chunkRows) {
      const count = Math.min(chunkRows, rows - first);
      // Taken anew for every use: an unshared memory replaces its buffer when it grows.
      const chunkOf = (x: Tensor) => x.numbers.subarray(first * size, (first + count) * size);
      const chunkTargets = () => targets.indices.subarray(first, first + count);
      const layout = { rows: count, columns: classes, ignoreIndex, labelSmoothing };

      const project = contiguousLayout([count, size], table.shape, { transposeB: true });
      kernels.matmul(chunkOf(hidden), table.numbers, logits.numbers, { ...project, bias: bias?.numbers });
      const chunkLosses = losses.numbers.subarray(first, first + count);
      kernels.crossEntropy(logits.numbers, chunkTargets(), chunkLosses, logSumExps.numbers, layout);
      if (gradients.length === 0) continue;

      // From here on the buffer holds the gradient of the logits.
      kernels.crossEntropyBackward(
        logits.numbers,
        chunkTargets(),
        logSumExps.numbers,
        rowGradients.numbers,
        logits.numbers,
        layout,
      );
      if (hiddenGradient) {
        const back = contiguousLayout([count, classes], table.shape, {});
        kernels.matmul(logits.numbers, table.numbers, chunkOf(hiddenGradient), back);
      }
      if (tableGradient) {
        const outer = contiguousLayout([count, classes], [count, size], { transposeA: true });
        kernels.matmul(logits.numbers, chunkOf(hidden), tableGradient.numbers, { ...outer, accumulate: first > 0 });
      }
      if (biasGradient && chunkBiasGradient) {
        const sums = first > 0 ? chunkBiasGradient : biasGradient;
        kernels.sum(logits.numbers, sums.numbers, { outer: 1, size: count, inner: classes });
        if (first > 0) kernels.accumulate(sums.numbers, biasGradient.numbers);
      }
    }
    kernels.sum(losses.numbers, out.numbers, { outer: 1, size: rows, inner: 1 });
    kernels.scale(out.numbers, out.numbers, factor);
    call.save(...gradients);
    return out;
  },
  backward({ gradient, saved, inputWants, retainGraph, kernels, allocate }) {
    const factor = gradient.item();
    /** What forward left, times the loss's own gradient; in place where no later pass needs it as it is. */
    const scaled = (prepared: Tensor) => {
      if (factor === 1 && !retainGraph) return prepared;
      const out = retainGraph ? allocate(prepared.shape) : prepared;
      kernels.scale(prepared.numbers, out.numbers, factor);
      return out;
    };
    const prepared = [...saved];
    return inputWants.map((isWanted) => {
      if (!isWanted) return null;
      const own = prepared.shift()!;
      return () => scaled(own);
    });
  },
  // The products of the gradients run in the forward pass, but are asked for by, and booked to, the backward pass.
  flops([[rows, size], [classes]]) {
    const product = 2 * rows * size * classes;
    return { forward: product, backward: [product, product, 0, 0] };
  },
  sample(random, longest) {
    const [rows, size, classes] = [0, 0, 1].map((least) => least + drawLength(random, longest));
    const ignoreIndex = -100;
    // The first target counts: a mean over none does not exist.
    const values = (_: unknown, count: number) =>
      Array.from({ length: count }, (_, row) =>
        row > 0 && random.integer(4) === 0 ? ignoreIndex : random.integer(classes),
      );
    const hasBias = random.integer(2) === 0;
    return {
      inputs: [
        { shape: [rows, size] },
        { shape: [classes, size] },
        { shape: [rows], dtype: "i32", values },
        ...(hasBias ? [{ shape: [classes] }] : []),
      ],
      options: {
        ignoreIndex,
        labelSmoothing: random.integer(2) === 0 ? 0 : 0.1,
        reduction: random.integer(2) === 0 ? "mean" : "sum",
        chunkRows: drawLength(random, longest),
      },
    };
  },
});

/**
 * {@link crossEntropy} of the logits hidden·tableᵀ (+ bias), for hidden states [..., C], a table [V, C] and i32 targets [...],
 * without ever holding more than a chunk of the logits. Where gradients are recorded they are computed on the way, so that
 * the backward pass costs next to nothing; there is no second derivative.
 * @throws for shapes that do not fit, a target outside 0 … V−1, and when a mean is asked for and no target counts.
 */
export function projectedCrossEntropy(
  hidden: Tensor,
  table: Tensor,
  targets: Tensor,
  options: ProjectedCrossEntropyOptions = {},
): Tensor {
  const { bias, ignoreIndex = -100, labelSmoothing = 0, reduction = "mean" } = options;
  checkLabelSmoothing("projectedCrossEntropy", labelSmoothing);
  if (!sameShape(hidden.shape.slice(0, -1), targets.shape)) {
    throw new ShapeError(
      `projectedCrossEntropy: targets ${formatShape(targets.shape)} do not fit hidden states ${formatShape(hidden.shape)}`,
    );
  }
  const flat = reshape(hidden, [targets.size, hidden.shape.at(-1)!]);
  const { chunkRows = projectionChunkRows(targets.size, table.shape[0], hidden.dtype === "f64" ? 8 : 4) } = options;
  if (!(Number.isSafeInteger(chunkRows) && chunkRows >= 1))
    throw new Error(`projectedCrossEntropy: chunkRows must be a whole number from 1, not ${chunkRows}`);
  const inputs = [flat, table, reshape(targets, [targets.size]), ...(bias === undefined ? [] : [bias])];
  return projectedCrossEntropyOp(inputs, { ignoreIndex, labelSmoothing, reduction, chunkRows });
}

/** {@link projectedCrossEntropy} in plain operations: all logits [..., V] stand in memory at once. */
export function readableProjectedCrossEntropy(
  hidden: Tensor,
  table: Tensor,
  targets: Tensor,
  { bias, ...options }: Omit<ProjectedCrossEntropyOptions, "chunkRows"> = {},
): Tensor {
  const logits = matmul(hidden, table, { transposeB: true });
  return crossEntropy(bias === undefined ? logits : add(logits, bias), targets, options);
}

function checkShapes(hidden: Shape, table: Shape, targets: Shape, bias: Shape | undefined): void {
  if (hidden.length !== 2 || table.length !== 2 || hidden[1] !== table[1]) {
    throw new ShapeError(
      `projectedCrossEntropy: hidden states ${formatShape(hidden)} and table ${formatShape(table)} are not [R, C] and [V, C]`,
    );
  }
  if (targets.length !== 1 || targets[0] !== hidden[0]) {
    throw new ShapeError(
      `projectedCrossEntropy: targets ${formatShape(targets)} do not fit hidden states ${formatShape(hidden)}`,
    );
  }
  if (bias !== undefined && (bias.length !== 1 || bias[0] !== table[0])) {
    throw new ShapeError(
      `projectedCrossEntropy: bias ${formatShape(bias)} does not fit the ${table[0]} entries of table ${formatShape(table)}`,
    );
  }
}
