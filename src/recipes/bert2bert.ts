/**
 * bert2BERT (methods B.2 [N]): start as a wider copy of a small trained model, then train as ever, with a new optimizer.
 *
 * `fpi` copies units so that the function stays (exactly, where every unit has as many copies: an integer ratio and the
 * circular map). `aki` takes the new heads and inner units of each layer from the layer above. A small model of fewer
 * layers is stacked, the remainder from its top. The published second stage of training (prefixes of the layers) is not here.
 */

import { unitMap, type WidthMapName } from "../apollo/growth/widen.ts";
import { widerModel } from "../apollo/growth/wider-model.ts";
import { layerMap } from "../apollo/layer-map.ts";
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
    const { model, small } = first;
    const wide = widerModel({
      ...first,
      makeMap: ({ from, to, random }) => unitMap(widthMap, from, to, random),
      layers: layerMap("stack_top", small.size.layers, model.size.layers),
      fromAbove: knowledge === "aki",
    });
    model.loadStateDict(wide);
    return null;
  },
});
