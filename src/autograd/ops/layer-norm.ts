/** Layer normalisation over the last axis: fused, and as a composition that can be read and differentiated twice. */

import { adopt } from "../../tensor/scope.ts";
import { formatShape, type Shape, ShapeError, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type BackwardCall, defineOp } from "../op.ts";
import { add, div, mul, sqrt, sub } from "./elementwise.ts";
import { mean, sum, variance } from "./reduction.ts";
import { drawLength, drawShape } from "./samples.ts";
import { rowsLayout } from "./softmax.ts";

export interface LayerNormOptions {
  /** Added to the variance. */
  epsilon: number;
}

/** @throws ShapeError unless weight and bias have the length of the last axis of x. */
function checkParameters(name: string, x: Shape, weight: Shape, bias: Shape): void {
  const columns = x.slice(-1);
  if (x.length === 0 || !sameShape(weight, columns) || !sameShape(bias, columns)) {
    throw new ShapeError(
      `${name}: weight ${formatShape(weight)} and bias ${formatShape(bias)} do not fit the last axis of ${formatShape(x)}`,
    );
  }
}

/** The gradients of what was normalised, of weight and of bias, from what forward saved; each computed once. */
function gradientRules({ gradient, saved, kernels, allocate }: BackwardCall<LayerNormOptions>): (() => Tensor)[] {
  const [x, weight, means, rstds] = saved;
  const layout = rowsLayout(x.shape);
  let parameters: [Tensor, Tensor] | null = null;
  const forParameters = (): [Tensor, Tensor] => {
    if (parameters !== null) return parameters;
    parameters = [allocate(weight.shape), allocate(weight.shape)];
    kernels.layerNormParametersBackward(
      x.numbers,
      means.numbers,
      rstds.numbers,
      gradient.numbers,
      parameters[0].numbers,
      parameters[1].numbers,
      layout,
    );
    return parameters;
  };
  return [
    () => {
      const out = allocate(x.shape);
      kernels.layerNormBackward(
        x.numbers,
        weight.numbers,
        means.numbers,
        rstds.numbers,
        gradient.numbers,
        out.numbers,
        layout,
      );
      return out;
    },
    () => forParameters()[0],
    () => forParameters()[1],
  ];
}

export const layerNormOp = defineOp<LayerNormOptions>({
  name: "layerNorm",
  twice: false,
  shape([x, weight, bias]) {
    checkParameters("layerNorm", x, weight, bias);
    return x;
  },
  forward(call, [x, weight, bias]) {
    const layout = { ...rowsLayout(x.shape), epsilon: call.options.epsilon };
    const [out, means, rstds] = [call.allocate(), call.auxiliary([layout.rows]), call.auxiliary([layout.rows])];
    call.kernels.layerNorm(x.numbers, weight.numbers, bias.numbers, out.numbers, means.numbers, rstds.numbers, layout);
    call.save(x, weight, means, rstds);
    return out;
  },
  backward: gradientRules,
  sample(random, longest) {
    const shape = [...drawShape(random, { longest }), 1 + drawLength(random, longest)];
    const columns = shape.slice(-1);
    return { inputs: [{ shape }, { shape: columns }, { shape: columns }], options: { epsilon: 1e-2 } };
  },
});

export const residualLayerNormOp = defineOp<LayerNormOptions>({
  name: "residualLayerNorm",
  twice: false,
  shape([x, change, weight, bias]) {
    if (!sameShape(x, change)) {
      throw new ShapeError(
        `residualLayerNorm: change ${formatShape(change)} has not the shape of what it is added to, ${formatShape(x)}`,
      );
    }
    checkParameters("residualLayerNorm", x, weight, bias);
    return x;
  },
  forward(call, [x, change, weight, bias]) {
    const layout = { ...rowsLayout(x.shape), epsilon: call.options.epsilon };
    const [out, sum] = [call.allocate(), call.auxiliary(x.shape)];
    const [means, rstds] = [call.auxiliary([layout.rows]), call.auxiliary([layout.rows])];
    call.kernels.residualLayerNorm(
      x.numbers,
      change.numbers,
      weight.numbers,
      bias.numbers,
      sum.numbers,
      out.numbers,
      means.numbers,
      rstds.numbers,
      layout,
    );
    call.save(sum, weight, means, rstds);
    return out;
  },
  backward(call) {
    const [forSum, forWeight, forBias] = gradientRules(call);
    let shared: Tensor | null = null;
    // x and change have one gradient, under two names.
    const forSummand = (): Tensor => {
      if (shared === null) {
        shared = forSum();
        return shared;
      }
      const alias = shared.alias();
      adopt(alias);
      return alias;
    };
    return [forSummand, forSummand, forWeight, forBias];
  },
  sample(random, longest) {
    const shape = [...drawShape(random, { longest }), 1 + drawLength(random, longest)];
    const columns = shape.slice(-1);
    return { inputs: [{ shape }, { shape }, { shape: columns }, { shape: columns }], options: { epsilon: 1e-2 } };
  },
});

/** (x − mean)/√(variance + ε)·weight + bias over the last axis; weight and bias [C]. No second derivative. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, options: LayerNormOptions): Tensor {
  return layerNormOp([x, weight, bias], options);
}

/**
 * {@link layerNorm} of x + change, in one pass: the end of a residual branch that is normalised after its sum.
 * x and change of one shape. No second derivative.
 */
export function residualLayerNorm(
  x: Tensor,
  change: Tensor,
  weight: Tensor,
  bias: Tensor,
  options: LayerNormOptions,
): Tensor {
  return residualLayerNormOp([x, change, weight, bias], options);
}

/** {@link layerNorm} in plain operations: the same numbers, slower, differentiable twice. */
export function readableLayerNorm(x: Tensor, weight: Tensor, bias: Tensor, { epsilon }: LayerNormOptions): Tensor {
  const last = { axes: -1, keepAxes: true };
  const normalised = div(sub(x, mean(x, last)), sqrt(add(variance(x, last), epsilon)));
  return add(mul(normalised, weight), bias);
}

/**
 * {@link readableLayerNorm} whose channels count by a mask [C] of numbers in [0, 1], in the statistics and in the result:
 * mean = Σ m·x/Σ m, variance = Σ m·(x − mean)²/Σ m, m·((x − mean)/√(variance + ε)·weight + bias).
 * Channels with mask 0 are as if they were not there, with 1 everywhere it is the ordinary one.
 */
export function maskedLayerNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  mask: Tensor,
  { epsilon }: LayerNormOptions,
): Tensor {
  const channels = sum(mask);
  const maskedMean = (values: Tensor) => div(sum(mul(values, mask), { axes: -1, keepAxes: true }), channels);
  const centred = sub(x, maskedMean(x));
  const normalised = div(centred, sqrt(add(maskedMean(mul(centred, centred)), epsilon)));
  return mul(add(mul(normalised, weight), bias), mask);
}
