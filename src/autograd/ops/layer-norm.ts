/** Layer normalisation over the last axis: fused, and as a composition that can be read and differentiated twice. */

import { formatShape, ShapeError, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp } from "../op.ts";
import { add, div, mul, sqrt, sub } from "./elementwise.ts";
import { mean, variance } from "./reduction.ts";
import { drawLength, drawShape } from "./samples.ts";
import { rowsLayout } from "./softmax.ts";

export interface LayerNormOptions {
  /** Added to the variance. */
  epsilon: number;
}

export const layerNormOp = defineOp<LayerNormOptions>({
  name: "layerNorm",
  twice: false,
  shape([x, weight, bias]) {
    const columns = x.slice(-1);
    if (x.length === 0 || !sameShape(weight, columns) || !sameShape(bias, columns)) {
      throw new ShapeError(
        `layerNorm: weight ${formatShape(weight)} and bias ${formatShape(bias)} do not fit the last axis of ${formatShape(x)}`,
      );
    }
    return x;
  },
  forward(call, [x, weight, bias]) {
    const layout = rowsLayout(x.shape);
    const [out, means, rstds] = [call.allocate(), call.auxiliary([layout.rows]), call.auxiliary([layout.rows])];
    const { epsilon } = call.options;
    call.kernels.layerNorm(x.numbers, weight.numbers, bias.numbers, out.numbers, means.numbers, rstds.numbers, {
      ...layout,
      epsilon,
    });
    call.save(x, weight, means, rstds);
    return out;
  },
  backward({ gradient, saved: [x, weight, means, rstds], kernels, allocate }) {
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
  },
  sample(random, longest) {
    const shape = [...drawShape(random, { longest }), 1 + drawLength(random, longest)];
    const columns = shape.slice(-1);
    return { inputs: [{ shape }, { shape: columns }, { shape: columns }], options: { epsilon: 1e-2 } };
  },
});

/** (x − mean)/√(variance + ε)·weight + bias over the last axis; weight and bias [C]. No second derivative. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, options: LayerNormOptions): Tensor {
  return layerNormOp([x, weight, bias], options);
}

/** {@link layerNorm} in plain operations: the same numbers, slower, differentiable twice. */
export function readableLayerNorm(x: Tensor, weight: Tensor, bias: Tensor, { epsilon }: LayerNormOptions): Tensor {
  const last = { axes: -1, keepAxes: true };
  const normalised = div(sub(x, mean(x, last)), sqrt(add(variance(x, last), epsilon)));
  return add(mul(normalised, weight), bias);
}
