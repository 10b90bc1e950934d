/** All weights of a large model from a small one: units copied by maps, layers taken from a list. */

import type { Random } from "../../tensor/random.ts";
import type { FirstWeightsCall } from "../method.ts";
import { blockPlace, checkGrowth, checkNormBeforeHead, type Space, unitsOf } from "./parameter-axes.ts";
import { takeFromAbove } from "./take-from-above.ts";
import { type UnitMap, type Values, type WidthMaps, widen } from "./widen.ts";

export interface WiderModelOptions extends FirstWeightsCall {
  /** How a space grows from so many units to so many. */
  makeMap(growth: { space: Space; from: number; to: number; random: Random }): UnitMap;
  /** The small layer that each large layer is made from; null makes one that changes nothing. */
  layers: readonly (number | null)[];
  /** New heads and inner units come from the layer above (AKI). False when absent. */
  fromAbove?: boolean;
}

/** Projections into the stream: with these at 0 a layer adds nothing. */
const INTO_STREAM = /^(attention\.output|feedForward\.down)\./;

/**
 * The stream has one map for the whole model, which residual sums need; heads and inner units have one per small layer.
 * @throws when the small model does not fit.
 */
export function widerModel(options: WiderModelOptions): Map<string, Values> {
  const { model, small, random, makeMap, layers, fromAbove = false } = options;
  const { family } = model;
  checkGrowth(small.size, model.size);
  if (model.size.hidden > small.size.hidden) checkNormBeforeHead(model.namedParameters().keys(), family);
  const [from, to] = [unitsOf(small.size), unitsOf(model.size)];
  const mapOf = (space: Space) => makeMap({ space, from: from[space], to: to[space], random });
  const residual = mapOf("residual");
  const maps = Array.from(
    { length: small.size.layers },
    (): WidthMaps => ({ residual, heads: mapOf("heads"), inner: mapOf("inner") }),
  );
  const grow = (layer: number, name: string, by: number) =>
    widen(name, small.weights.get(`blocks.${layer}.${name}`)!, maps[by], family);
  const initial = layers.includes(null) ? model.stateDict() : new Map<string, Values>();
  return new Map(
    [...model.namedParameters().keys()].map((name) => {
      const place = blockPlace(name);
      if (place === null) return [name, widen(name, small.weights.get(name)!, maps[0], family)];
      const source = layers[place.layer];
      if (source === null) return [name, withoutEffect(place.name, initial.get(name)!)];
      const own = grow(source, place.name, source);
      if (!fromAbove || source + 1 === small.size.layers) return [name, own];
      const above = grow(source + 1, place.name, source);
      return [name, takeFromAbove(place.name, own, above, { kept: from, units: to, family })];
    }),
  );
}

/** A parameter of a layer that is to add nothing to a pre-LN stream. */
export function withoutEffect(name: string, { shape, values }: Values): Values {
  return { shape, values: INTO_STREAM.test(name) ? new Float32Array(values.length) : values };
}
