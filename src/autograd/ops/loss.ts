/** Losses. */

import type { CrossEntropyLayout } from "../../tensor/kernels.ts";
import { formatShape, ShapeError, sameShape, sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp } from "../op.ts";
import { mul, sub } from "./elementwise.ts";
import { mean, sum } from "./reduction.ts";
import { drawLength } from "./samples.ts";
import { reshape } from "./shaping.ts";

export interface RowLossOptions {
  ignoreIndex: number;
  labelSmoothing: number;
}

export interface CrossEntropyOptions {
  /** Targets of this value count nothing; −100 by default. */
  ignoreIndex?: number;
  /** ε: the target distribution is (1 − ε)·one-hot + ε/V. */
  labelSmoothing?: number;
  reduction?: "mean" | "sum" | "none";
}

function layoutOf(logits: readonly number[], options: RowLossOptions): CrossEntropyLayout {
  return { rows: logits[0], columns: logits[1], ...options };
}

export const crossEntropyOp = defineOp<RowLossOptions>({
  name: "crossEntropy",
  twice: false,
  indexInputs: [1],
  shape([logits, targets]) {
    if (logits.length !== 2 || sizeOf(targets) !== logits[0]) {
      throw new ShapeError(`crossEntropy: targets ${formatShape(targets)} do not fit logits ${formatShape(logits)}`);
    }
    return [logits[0]];
  },
  forward(call, [logits, targets]) {
    const layout = layoutOf(logits.shape, call.options);
    checkTargets("crossEntropy", targets, { classes: layout.columns, ignoreIndex: layout.ignoreIndex });
    const out = call.allocate();
    const logSumExps = call.auxiliary([layout.rows]);
    call.kernels.crossEntropy(logits.numbers, targets.indices, out.numbers, logSumExps.numbers, layout);
    call.save(logits, targets, logSumExps);
    return out;
  },
  backward({ gradient, saved: [logits, targets, logSumExps], options, kernels, allocate }) {
    return [
      () => {
        const out = allocate(logits.shape);
        const layout = layoutOf(logits.shape, options);
        kernels.crossEntropyBackward(
          logits.numbers,
          targets.indices,
          logSumExps.numbers,
          gradient.numbers,
          out.numbers,
          layout,
        );
        return out;
      },
      null,
    ];
  },
  sample(random, longest) {
    const [rows, classes] = [drawLength(random, longest), 1 + drawLength(random, longest)];
    const values = (_: unknown, size: number) =>
      Array.from({ length: size }, () => (random.integer(4) === 0 ? -100 : random.integer(classes)));
    return {
      inputs: [{ shape: [rows, classes] }, { shape: [rows], dtype: "i32", values }],
      options: { ignoreIndex: -100, labelSmoothing: random.integer(2) === 0 ? 0 : 0.1 },
    };
  },
});

/**
 * −Σ target·ln softmax(logits) for logits [..., V] and i32 targets [...], averaged over the targets that count.
 * @throws for a target outside 0 … V−1, and when a mean is asked for and no target counts.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { ignoreIndex = -100, labelSmoothing = 0, reduction = "mean" } = options;
  checkLabelSmoothing("crossEntropy", labelSmoothing);
  if (!sameShape(logits.shape.slice(0, -1), targets.shape)) {
    throw new ShapeError(
      `crossEntropy: targets ${formatShape(targets.shape)} do not fit logits ${formatShape(logits.shape)}`,
    );
  }
  const flat = reshape(logits, [targets.size, logits.shape.at(-1)!]);
  const losses = crossEntropyOp([flat, targets], { ignoreIndex, labelSmoothing });
  if (reduction === "none") return reshape(losses, targets.shape);
  if (reduction === "sum") return sum(losses);
  return mul(sum(losses), 1 / countTargets("crossEntropy", targets, ignoreIndex));
}

/** @throws for a target that is neither a class nor ignored. */
export function checkTargets(
  operation: string,
  targets: Tensor,
  { classes, ignoreIndex }: { classes: number; ignoreIndex: number },
): void {
  for (const target of targets.indices) {
    if (target !== ignoreIndex && (target < 0 || target >= classes))
      throw new ShapeError(`${operation}: target ${target} is outside 0 … ${classes - 1}`);
  }
}

/** @throws unless ε lies in [0, 1). */
export function checkLabelSmoothing(operation: string, labelSmoothing: number): void {
  if (!(labelSmoothing >= 0 && labelSmoothing < 1))
    throw new Error(`${operation}: labelSmoothing must be in [0, 1), not ${labelSmoothing}`);
}

/** How many targets count. @throws when none does: a mean over them does not exist. */
export function countTargets(operation: string, targets: Tensor, ignoreIndex: number): number {
  const counted = targets.indices.reduce((count, target) => count + (target === ignoreIndex ? 0 : 1), 0);
  if (counted === 0)
    throw new Error(
      `${operation}: all ${targets.size} targets are ${ignoreIndex}, which is ignored; their mean does not exist`,
    );
  return counted;
}

/** The mean of (prediction − target)². @throws when the shapes differ: stretching one is hardly ever meant. */
export function meanSquaredError(prediction: Tensor, target: Tensor): Tensor {
  if (!sameShape(prediction.shape, target.shape)) {
    throw new ShapeError(
      `meanSquaredError: prediction ${formatShape(prediction.shape)} and target ${formatShape(target.shape)} differ`,
    );
  }
  const difference = sub(prediction, target);
  return mean(mul(difference, difference));
}
