/** The position-wise feed-forward network as one operation, and as a composition that can be read. */

import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp, type OpFlops } from "../op.ts";
import { checkGeluForm, type GeluForm, gelu } from "./elementwise.ts";
import { asRows, contiguousLayout, linear, linearShape, matmulFlops, matmulOp } from "./matmul.ts";
import { sum } from "./reduction.ts";
import { drawLength } from "./samples.ts";
import { reshape } from "./shaping.ts";

/** The two affine maps of a feed-forward network: W₁ [C, inner] and b₁ [inner] up, W₂ [inner, C] and b₂ [C] down. */
export interface FeedForwardWeights {
  up: { weight: Tensor; bias: Tensor | undefined };
  down: { weight: Tensor; bias: Tensor | undefined };
}

export interface FeedForwardCall {
  /** Form of GELU: exact, or GPT-2's with tanh. */
  approximate: GeluForm;
  /** [..., C], added to the result. */
  residual?: Tensor;
}

/**
 * GELU(x·W₁ + b₁)·W₂ + b₂ (+ residual); inputs x [rows, C], W₁, b₁, W₂, b₂ and, if given, the residual [rows, C].
 * GELU and, on the way back, its slope are applied by the products that make their operands.
 */
export const feedForwardOp = defineOp<{ approximate: GeluForm }>({
  name: "feedForward",
  twice: false,
  shape([x, up, upBias, down, downBias, residual]) {
    const inner = linearShape("feedForward (up)", x, up, upBias, undefined);
    return linearShape("feedForward (down)", inner, down, downBias, residual);
  },
  forward(call, [x, up, upBias, down, downBias, residual]) {
    const inner = [x.shape[0], up.shape[1]];
    const [sums, active, out] = [call.auxiliary(inner), call.auxiliary(inner), call.allocate()];
    call.kernels.matmul(x.numbers, up.numbers, active.numbers, {
      ...contiguousLayout(x.shape, up.shape),
      bias: upBias.numbers,
      epilogue: { name: call.options.approximate === "tanh" ? "geluTanh" : "gelu", inputs: sums.numbers },
    });
    call.kernels.matmul(active.numbers, down.numbers, out.numbers, {
      ...contiguousLayout(inner, down.shape),
      bias: downBias.numbers,
      ...(residual !== undefined && { residual: residual.numbers }),
    });
    call.save(x, up, sums, active, down);
    return out;
  },
  backward({ gradient, saved: [x, up, sums, active, down], options, kernels, allocate }) {
    let slopes: Tensor | null = null;
    /** The gradient of x·W₁ + b₁: (dy·W₂ᵀ) ⊙ GELU′. */
    const innerGradient = (): Tensor => {
      if (slopes !== null) return slopes;
      slopes = allocate(sums.shape);
      kernels.matmul(gradient.numbers, down.numbers, slopes.numbers, {
        ...contiguousLayout(gradient.shape, down.shape, { transposeB: true }),
        epilogue: {
          name: options.approximate === "tanh" ? "geluTanhBackward" : "geluBackward",
          inputs: sums.numbers,
        },
      });
      return slopes;
    };
    return [
      () => matmulOp([innerGradient(), up], { transposeB: true }),
      () => matmulOp([x, innerGradient()], { transposeA: true }),
      () => sum(innerGradient(), { axes: 0 }),
      () => matmulOp([active, gradient], { transposeA: true }),
      () => sum(gradient, { axes: 0 }),
      () => gradient,
    ];
  },
  flops([x, up, , down]): OpFlops {
    const upwards = matmulFlops(x, up, {}).forward;
    const downwards = matmulFlops([x[0], up[1]], down, {}).forward;
    return {
      forward: upwards + downwards,
      backward: [upwards, upwards, 0, downwards, 0, 0],
      // The way back through W₂, which x, W₁ and b₁ have in common.
      backwardShared: { inputs: [0, 1, 2], flops: downwards },
    };
  },
  sample(random, longest) {
    const size = () => drawLength(random, longest);
    const [rows, hidden, inner] = [size(), size(), size()];
    const shapes = [[rows, hidden], [hidden, inner], [inner], [inner, hidden], [hidden]];
    if (random.integer(2) === 0) shapes.push([rows, hidden]);
    return {
      inputs: shapes.map((shape) => ({ shape })),
      options: { approximate: random.integer(2) === 0 ? "tanh" : "none" },
    };
  },
});

/**
 * GELU(x·W₁ + b₁)·W₂ + b₂ (+ residual) of [..., C], position by position. With both biases it runs fused, without a second
 * derivative.
 */
export function feedForward(x: Tensor, weights: FeedForwardWeights, options: FeedForwardCall): Tensor {
  const { up, down } = weights;
  const { approximate, residual } = options;
  checkGeluForm("feedForward", approximate);
  if (up.bias === undefined || down.bias === undefined) return readableFeedForward(x, weights, options);
  const rest = residual === undefined ? [] : [asRows(residual)];
  const inputs = [asRows(x), up.weight, up.bias, down.weight, down.bias, ...rest];
  return reshape(feedForwardOp(inputs, { approximate }), [...x.shape.slice(0, -1), down.weight.shape[1]]);
}

/** {@link feedForward} in plain operations: the same numbers, slower, differentiable twice. */
export function readableFeedForward(
  x: Tensor,
  { up, down }: FeedForwardWeights,
  { approximate, residual }: FeedForwardCall,
): Tensor {
  return linear(gelu(linear(x, up.weight, up.bias), { approximate }), down.weight, down.bias, { residual });
}
