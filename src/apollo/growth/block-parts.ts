/** The matrices and vectors that a small model's layers consist of, apart where the model stores several as one. */

import { concat, reshape, split } from "../../autograd/index.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { SmallModel } from "../method.ts";
import { blockPlace } from "./parameter-axes.ts";
import type { Values } from "./widen.ts";

/** By a parameter's name below its block: the axis along which it holds so many equal parts. */
export type Cuts = Readonly<Record<string, { axis: number; count: number }>>;

/** Queries, keys and values. */
export const PACKED_PROJECTION: Cuts = {
  "attention.qkv.weight": { axis: -1, count: 3 },
  "attention.qkv.bias": { axis: -1, count: 3 },
};

/** A block's parameter, or one of the parts that it holds. */
export interface Part {
  /** Of the parameter, below the block's. */
  name: string;
  /** Which of the parameter's parts; null where it is one. */
  index: number | null;
  /** Of the part in one layer. */
  shape: readonly number[];
  /** The part in all small layers: [L1, elements of one]. */
  stacked: Tensor;
}

/** All parts of the small model's blocks, in the order of their parameters. */
export function partsOf({ size, weights }: SmallModel, cuts: Cuts): Part[] {
  const names = [...weights.keys()]
    .filter((name) => name.startsWith("blocks.0."))
    .map((name) => blockPlace(name)!.name);
  return scope(() =>
    names.flatMap((name): Part[] => {
      const layers = Array.from({ length: size.layers }, (_, layer) =>
        asTensor(weights.get(`blocks.${layer}.${name}`)!),
      );
      const cut = cuts[name];
      if (cut === undefined) return [partOf(name, null, layers)];
      const { axis, count } = cut;
      const pieces = layers.map((layer) =>
        split(layer, { sizes: new Array<number>(count).fill(layer.shape.at(axis)! / count), axis }),
      );
      return Array.from({ length: count }, (_, index) =>
        partOf(
          name,
          index,
          pieces.map((piece) => piece[index]),
        ),
      );
    }),
  );
}

function partOf(name: string, index: number | null, layers: readonly Tensor[]): Part {
  const stacked = concat(layers.map((layer) => reshape(layer, [1, layer.size])));
  return { name, index, shape: layers[0].shape, stacked };
}

/** One layer's parameters, by name below its block, from what was made of the parts. */
export function joinParts(parts: readonly Part[], made: readonly Tensor[], cuts: Cuts): Map<string, Tensor> {
  const names = [...new Set(parts.map(({ name }) => name))];
  return new Map(
    names.map((name) => {
      const own = made.filter((_, index) => parts[index].name === name);
      return [name, own.length === 1 ? own[0] : concat(own, { axis: cuts[name].axis })];
    }),
  );
}

/** The small model's parameters outside of its blocks. */
export function outsideBlocks({ weights }: SmallModel): Map<string, Tensor> {
  return new Map(
    [...weights].filter(([name]) => blockPlace(name) === null).map(([name, values]) => [name, asTensor(values)]),
  );
}

const asTensor = ({ shape, values }: Values) => Tensor.from(values, shape);
