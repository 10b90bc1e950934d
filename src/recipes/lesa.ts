/**
 * LESA (methods C.8 [N] [C:yangyifei729/LESA]): a small trained model is made deeper by layers between its topmost ones, which
 * networks predict from their neighbours. The networks learn, matrix by matrix, from the layers that are there; then the new layers
 * alone are trained, the old ones stay as they are.
 *
 * Published is 32 layers with 16 more, one in each of the upper gaps [C]; 5 epochs and λ = 5e-5 [N], where the authors' notebook has
 * 10 and 5e-4 [C]. Of a small model's few rows, five epochs are some tens of updates, after which predicted weights are still small.
 * Last norm and head learn with the new layers, lookups do not [D]. A new optimizer [D].
 */

import { checkSameWidth } from "../apollo/growth/parameter-axes.ts";
import { predictedLayers } from "../apollo/growth/predicted-layers.ts";
import { partOf, type Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export const LESA_TRAINED = ["new", "all"] as const;

export interface LesaOptions {
  /** New layers, at most one between two old ones; L/3 when absent. */
  inserted?: number;
  /** The layers that are trained afterwards; the new ones when absent. */
  trained?: (typeof LESA_TRAINED)[number];
  /** Of the predicting networks; 5 when absent. */
  epochs?: number;
  /** λ, the weight of the norm in their loss; 5e-5 when absent. */
  normWeight?: number;
}

export const lesa: Recipe<LesaOptions> = (options, call) => {
  const { targetDepth: L, growth } = call;
  const { inserted = partOf(L, 3, { name: "lesa", option: "inserted" }) } = options;
  const { trained = "new", epochs = 5, normWeight = 5e-5 } = options;
  const layers = withGaps(L - inserted, inserted);
  const added = layers.flatMap((source, slot) => (source === null ? [slot] : []));
  if (growth !== undefined) {
    checkSameWidth(growth.from, growth.to);
    if (growth.from.layers + inserted !== L)
      throw new Error(`lesa: ${growth.from.layers} layers and ${inserted} inserted ones do not make ${L}`);
  }
  const plain = scratch({}, call);
  return {
    ...plain,
    name: "lesa",
    planStep(step) {
      const plan = plain.planStep(step);
      return trained === "all" ? plan : { ...plan, trainable: added, freezesEmbeddings: true };
    },
    firstWeights({ model, small, random }) {
      model.loadStateDict(predictedLayers({ small, layers, training: { epochs, normWeight, random } }));
      return null;
    },
  };
};

/** Each old layer, and behind it a new one (null) in the topmost gaps. */
function withGaps(from: number, inserted: number): (number | null)[] {
  if (!Number.isInteger(inserted))
    throw new Error(`lesa: ${inserted} layers cannot be inserted; a whole number must be given`);
  if (from < 3)
    throw new Error(
      `lesa: ${inserted} of ${from + inserted} layers cannot be inserted; it learns from three old ones or more`,
    );
  if (inserted < 1 || inserted > from - 1)
    throw new Error(`lesa: ${from} layers have ${from - 1} gaps, in which ${inserted} layers cannot be inserted`);
  const lowest = from - 1 - inserted;
  return Array.from({ length: from }, (_, layer) =>
    layer >= lowest && layer < from - 1 ? [layer, null] : [layer],
  ).flat();
}
