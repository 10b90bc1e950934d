/**
 * bert2BERT (methods B.2 [N]): start as a wider copy of a small trained model, then train as ever, with a new optimizer.
 *
 * `fpi` copies units so that the function stays (exactly, where every unit has as many copies: an integer ratio and the
 * circular map). `aki` takes the new heads and inner units of each layer from the layer above. A small model of fewer
 * layers is stacked, the remainder from its top. The published second stage of training (prefixes of the layers) is not here.
 */

import { blockPlace, checkGrowth, unitsOf } from "../apollo/growth/parameter-axes.ts";
import { takeFromAbove } from "../apollo/growth/take-from-above.ts";
import { unitMap, type Values, type WidthMapName, type WidthMaps, widen } from "../apollo/growth/widen.ts";
import { layerMap } from "../apollo/layer-map.ts";
import type { FirstWeightsCall } from "../apollo/method.ts";
import type { Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface Bert2BertOptions {
  knowledge?: "fpi" | "aki";
  widthMap?: WidthMapName;
}

export const bert2bert: Recipe<Bert2BertOptions> = ({ knowledge = "aki", widthMap = "random" }, call) => ({
  ...scratch({}, call),
  name: `bert2bert-${knowledge}`,
  firstWeights(first) {
    first.model.loadStateDict(widerWeights(first, { knowledge, widthMap }));
    return null;
  },
});

/** All weights of the wide model. @throws when the small model's heads are of another size, or it is larger. */
function widerWeights(
  { model, small, random }: FirstWeightsCall,
  { knowledge, widthMap }: Required<Bert2BertOptions>,
): Map<string, Values> {
  const { family, size } = model;
  checkGrowth(small.size, size);
  const [from, to] = [unitsOf(small.size), unitsOf(size)];
  const residual = unitMap(widthMap, from.residual, to.residual, random);
  // One map of the stream for the whole model, which residual sums need; heads and inner units have one per layer.
  const maps = Array.from(
    { length: small.size.layers },
    (): WidthMaps => ({
      residual,
      heads: unitMap(widthMap, from.heads, to.heads, random),
      inner: unitMap(widthMap, from.inner, to.inner, random),
    }),
  );
  const grow = (layer: number, name: string, by: number) =>
    widen(name, small.weights.get(`blocks.${layer}.${name}`)!, maps[by], family);
  const layers = layerMap("stack_top", small.size.layers, size.layers);
  return new Map(
    [...model.namedParameters().keys()].map((name) => {
      const place = blockPlace(name);
      if (place === null) return [name, widen(name, small.weights.get(name)!, maps[0], family)];
      const source = layers[place.layer];
      const own = grow(source, place.name, source);
      if (knowledge === "fpi" || source + 1 === small.size.layers) return [name, own];
      const above = grow(source + 1, place.name, source);
      return [name, takeFromAbove(place.name, own, above, { kept: from, units: to, family })];
    }),
  );
}
