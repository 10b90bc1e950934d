/** All weights of a deeper model whose new layers are predicted from their neighbours (LESA, methods C.8). */

import { add, matmul, mul, reshape, slice } from "../../autograd/index.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { SmallModel } from "../method.ts";
import { joinParts, PACKED_PROJECTION, type Part, partsOf } from "./block-parts.ts";
import { LayerPredictor, type PredictorTraining } from "./layer-predictor.ts";
import { blockPlace } from "./parameter-axes.ts";
import { singularValues, transposed } from "./singular-values.ts";
import type { Values } from "./widen.ts";

export interface PredictedLayersOptions {
  small: SmallModel;
  /** The small layer that each large one is; null for one to be predicted, which never has another beside it. */
  layers: readonly (number | null)[];
  training: PredictorTraining;
}

/**
 * Every matrix has a predictor of its own. Biases and LayerNorms of a new layer are the means of its neighbours' [D]; all else is the
 * small model's, bit by bit. (In the authors' notebook load_LESA.ipynb new layers are deep copies of layer 0 whose matrices are replaced: they
 * have the norms of layer 0 [C]. Its models have no biases.)
 */
export function predictedLayers({ small, layers, training }: PredictedLayersOptions): Map<string, Values> {
  const parts = partsOf(small, PACKED_PROJECTION);
  const below = layers.flatMap((source, slot) => (source === null ? [layers[slot - 1]!] : []));
  const made = parts.map((part) => (part.shape.length === 2 ? predicted(part, below, training) : means(part, below)));
  const isOutside = (name: string) => blockPlace(name) === null;
  const weights = new Map<string, Values>([...small.weights].filter(([name]) => isOutside(name)));
  layers.forEach((source, slot) => {
    const own = source === null ? joined(parts, made, below.indexOf(layers[slot - 1]!)) : layerOf(small, source);
    for (const [name, values] of own) weights.set(`blocks.${slot}.${name}`, values);
  });
  return weights;
}

/** A layer's own parameters, by name below its block. */
function layerOf({ weights }: SmallModel, layer: number): [string, Values][] {
  return [...weights].flatMap(([name, values]): [string, Values][] => {
    const place = blockPlace(name);
    return place?.layer === layer ? [[place.name, values]] : [];
  });
}

/** The parameters of one new layer, from what was made of each part for all of them. */
function joined(parts: readonly Part[], made: readonly Tensor[][], gap: number): [string, Values][] {
  return scope(() => {
    const whole = joinParts(
      parts,
      made.map((tensors) => tensors[gap]),
      PACKED_PROJECTION,
    );
    return [...whole].map(([name, x]): [string, Values] => [name, { shape: x.shape, values: x.toFlatArray() }]);
  });
}

/**
 * A matrix [in, out] between each of the given layers and the next. All layers share U and Σ, over the outputs: W_iᵀ = U·Σ·V_i, from
 * one decomposition of [W_1ᵀ … W_nᵀ] [C].
 */
function predicted({ shape, stacked }: Part, below: readonly number[], training: PredictorTraining): Tensor[] {
  const [inputs, outputs] = shape;
  const [layers] = stacked.shape;
  const { rank, left, values, right } = singularValues(stacked.toFlatArray(), layers * inputs, outputs);
  const size = inputs * rank;
  return scope(() => {
    const V = Array.from({ length: layers }, (_, layer) => {
      const own = left.subarray(layer * size, (layer + 1) * size); // V_iᵀ [in, r]
      return Tensor.from(Float32Array.from(transposed(own, inputs, rank)), [rank, inputs]);
    });
    const scaled = right.map((value, index) => value * values[Math.floor(index / outputs)]); // Σ·Uᵀ [r, out]
    const basis = Tensor.from(Float32Array.from(scaled), [rank, outputs]);
    const predictor = new LayerPredictor({ columns: inputs, seed: training.random.integer(2 ** 31) });
    predictor.learn(V, training);
    return below.map((layer) => matmul(predictor.between(V[layer], V[layer + 1]), basis, { transposeA: true }));
  });
}

/** A vector between each of the given layers and the next. */
function means({ shape, stacked }: Part, below: readonly number[]): Tensor[] {
  return scope(() =>
    below.map((layer) => {
      const [own, next] = [layer, layer + 1].map((index) => slice(stacked, [[index, index + 1]]));
      return reshape(mul(add(own, next), 0.5), shape);
    }),
  );
}
