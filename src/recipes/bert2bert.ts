/**
 * bert2BERT (methods B.2 [N]): start as a wider copy of a small trained model, then train as ever, with a new optimizer.
 *
 * `fpi` copies units so that the function stays (exactly, where every unit has as many copies: an integer ratio and the
 * circular map). `aki` takes the new heads and inner units of each layer from the layer above. A small model of fewer
 * layers is stacked, the remainder from its top.
 *
 * Two-stage training is an option, since it is not known whether Apollo's baseline had it on: for the first `prefixShare` of the steps,
 * each runs a prefix of the layers alone, and trains its top layers with last norm and head.
 */

import { unitMap, type WidthMapName } from "../apollo/growth/widen.ts";
import { widerModel } from "../apollo/growth/wider-model.ts";
import { layerMap } from "../apollo/layer-map.ts";
import type { DescribedMethod } from "../apollo/method.ts";
import { boundaryStep } from "../apollo/schedule.ts";
import { straightMap, straightPlan } from "../apollo/step-plan.ts";
import { checkWidensWithNorm, partOf, type Recipe, type RecipeCall } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface Bert2BertOptions {
  knowledge?: "fpi" | "aki";
  widthMap?: WidthMapName;
  /** E_b, share of the steps that train prefixes; 0 when absent. Published is 0.125: 5 of 40 epochs [N]. */
  prefixShare?: number;
  /** l_b: prefixes have whole multiples of it, and so many layers learn; L/4 when absent, as 3 of 12 [N]. Only beside `prefixShare`. */
  prefixLayers?: number;
}

export const bert2bert: Recipe<Bert2BertOptions> = (options, call) => {
  const { knowledge = "aki", widthMap = "random", prefixShare = 0, prefixLayers } = options;
  const { name = `bert2bert-${knowledge}` } = call;
  checkWidensWithNorm(name, call);
  if (prefixShare === 0 && prefixLayers !== undefined)
    throw new Error(`${name}: prefixLayers ${prefixLayers} means nothing without a prefixShare`);
  return {
    ...(prefixShare === 0 ? scratch({}, call) : prefixesFirst(prefixShare, prefixLayers, { ...call, name })),
    name,
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
  };
};

/**
 * Each step of the first stage draws one depth from {l_b, 2·l_b, …, L}, uniformly [D], runs as many of the lowest layers, and
 * trains the top l_b of these; the others stay as they are. The token table is the head as well: where lower layers are frozen
 * its lookups are frozen with the other embeddings, and it learns as the head [D] (the sources may train it in both uses [M]).
 */
function prefixesFirst(
  share: number,
  prefixLayers: number | undefined,
  call: RecipeCall & { name: string },
): DescribedMethod {
  const { steps, targetDepth: L, name } = call;
  const blockLayers = prefixLayers ?? partOf(L, 4, { name, option: "prefixLayers" });
  const count = L / blockLayers;
  if (!(Number.isInteger(blockLayers) && Number.isInteger(count)))
    throw new Error(`${name}: prefixes of whole multiples of ${blockLayers} layers do not make ${L}`);
  const end = share > 0 && share < 1 ? boundaryStep(share, steps) : 0;
  if (!(end >= 1 && end < steps))
    throw new Error(`${name}: a share of ${share} of ${steps} steps for prefixes leaves a stage without any`);
  return {
    ...scratch({}, call),
    stages: [
      { uniqueLayers: L, firstStep: 0, endStep: end },
      { uniqueLayers: L, firstStep: end, endStep: steps },
    ],
    grow: () => {},
    growthMap: () => null,
    layersAt: (_, depth) => straightMap(depth),
    depths: ({ firstStep }) =>
      firstStep === 0
        ? Array.from({ length: count }, (_, index) => ({ depth: (index + 1) * blockLayers, probability: 1 / count }))
        : [{ depth: L, probability: 1 }],
    planStep({ step, uniform }) {
      if (step >= end) return straightPlan(L);
      const depth = (1 + Math.floor(uniform * count)) * blockLayers;
      const plan = straightPlan(depth);
      if (depth === blockLayers) return plan;
      return { ...plan, trainable: straightMap(depth).slice(-blockLayers), freezesEmbeddings: true };
    },
  };
}
