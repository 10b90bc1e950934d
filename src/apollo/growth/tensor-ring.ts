/** A linear map between tensors of several axes, as a ring of small cores, one per axis (a tensor-ring operator). */

import { matmul, permute, reshape } from "../../autograd/index.ts";
import { sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * y[j₁ … jₖ] = Σ x[i₁ … iₖ] · Σ_r C₁[r₁, i₁, j₁, r₂] · C₂[r₂, i₂, j₂, r₃] · … · Cₖ[rₖ, iₖ, jₖ, r₁], one axis after the other: the
 * map between all elements is never made.
 * @param x [n₁ … nₖ]
 * @param cores two or more, one per axis, [R, n, n′, R]
 * @returns [n′₁ … n′ₖ]
 */
export function ringProduct(x: Tensor, cores: readonly Tensor[]): Tensor {
  const [first, ...others] = cores;
  const last = others.pop()!;
  const opened = tensorDot(x, [0], first, [1]); // [n₂ … nₖ, r₁, n′₁, r₂]
  const state = others.reduce((product, core) => tensorDot(product, [0, -1], core, [1, 0]), opened);
  return tensorDot(state, [0, 1, -1], last, [1, 3, 0]); // of [nₖ, r₁, n′₁ … n′ₖ₋₁, rₖ]
}

/** Sums over pairs of axes, one of a and one of b. @returns the axes that are left of a, then those of b. */
function tensorDot(a: Tensor, axesOfA: readonly number[], b: Tensor, axesOfB: readonly number[]): Tensor {
  const [summedA, summedB] = [a, b].map(({ rank }, index) =>
    [axesOfA, axesOfB][index].map((axis) => (axis < 0 ? axis + rank : axis)),
  );
  const [leftA, leftB] = [a, b].map(({ shape }, index) =>
    shape.map((_, axis) => axis).filter((axis) => ![summedA, summedB][index].includes(axis)),
  );
  const inner = sizeOf(summedA.map((axis) => a.shape[axis]));
  const rows = reshape(permute(a, [...leftA, ...summedA]), [a.size / inner, inner]);
  const columns = reshape(permute(b, [...summedB, ...leftB]), [inner, b.size / inner]);
  return reshape(matmul(rows, columns), [...leftA.map((axis) => a.shape[axis]), ...leftB.map((axis) => b.shape[axis])]);
}
