/**
 * Gradual stacking by blocks (methods C.2 [N] [C]): every stage adds one block of layers, a copy of a block that is there.
 *
 * GradStack copies the last block to the top, MIDAS the middle one (block ⌈n/2⌉ of n) right after itself, LIDAS (2512.08819) as many
 * layers from the exact middle. Stage i of k lasts ∝ i^α, with α = 1 [D]. The authors' rule for the optimizer is not known: copies start
 * without moments, as in a public re-implementation [C], the layers above keep theirs [D].
 */

import { growByMap } from "../apollo/growth/grow-layers.ts";
import { planFromMap, straightMap } from "../apollo/step-plan.ts";
import { apollo } from "./apollo.ts";
import { partOf, type Recipe } from "./recipe.ts";

export const BLOCK_COPIES = ["last", "middle", "centre"] as const;
export type BlockCopy = (typeof BLOCK_COPIES)[number];

export interface MidasOptions {
  /** Layers that every stage adds; L/4 when absent. */
  blockLayers?: number;
  /** α, 1 when absent. */
  alpha?: number;
  /** Which block is copied: `last` is GradStack, `middle` MIDAS, `centre` LIDAS. */
  copied?: BlockCopy;
}

const NAMES = { last: "gradstack", middle: "midas", centre: "lidas" } as const satisfies Record<BlockCopy, string>;

/** Layers of a block, L/4 when absent. @throws when blocks of so many do not make the model. */
export function blockOf(name: string, L: number, blockLayers = partOf(L, 4, { name, option: "blockLayers" })): number {
  if (!Number.isInteger(blockLayers) || L % blockLayers !== 0)
    throw new Error(`${name}: blocks of ${blockLayers} layers do not make ${L}`);
  return blockLayers;
}

export const midas: Recipe<MidasOptions> = (options, call) => {
  const { targetDepth } = call;
  const { alpha = 1, copied = "middle" } = options;
  const { name = NAMES[copied] } = call;
  const blockLayers = blockOf(name, targetDepth, options.blockLayers);
  const lengths = Array.from({ length: targetDepth / blockLayers }, (_, index) => (index + 1) ** alpha);
  const whole = lengths.reduce((sum, length) => sum + length, 0);
  const boundaries = lengths
    .slice(0, -1)
    .map((_, index) => lengths.slice(0, index + 1).reduce((sum, length) => sum + length, 0) / whole);
  const stages = lengths.map((_, index) => (index + 1) * blockLayers);
  const growthMap = (from: number) => insertBlock(from, blockLayers, copied);
  /** The model as if it were grown to a depth now. */
  const layersAt = (uniqueLayers: number, depth: number) => {
    let layers = straightMap(uniqueLayers);
    while (layers.length < depth) layers = growthMap(layers.length).map((source) => layers[source]);
    return layers;
  };
  return {
    ...apollo({ stages, boundaries, depth: { sampler: "none" } }, { ...call, name }),
    name,
    grow: (growth) => growByMap(growth, growthMap(growth.from), "follow"),
    growthMap,
    layersAt,
    planFullDepth: (uniqueLayers) => planFromMap(layersAt(uniqueLayers, targetDepth)),
  };
};

/** The source of each layer after a block of b was copied in. */
function insertBlock(layers: number, b: number, copied: BlockCopy): number[] {
  const blocks = layers / b;
  const end =
    copied === "last" ? layers : copied === "middle" ? Math.ceil(blocks / 2) * b : Math.floor((layers + b) / 2);
  return Array.from({ length: layers + b }, (_, slot) => (slot < end ? slot : slot - b));
}
