/** Every recipe by its kind: what its options may be, and the function that they go to. */

import { z } from "zod";
import { ES_VARIANTS, LVPS_VARIANTS, SAMPLERS } from "../apollo/depth-sampler.ts";
import { OPTIMIZER_POLICIES } from "../apollo/growth/grow-layers.ts";
import { WIDTH_MAPS } from "../apollo/growth/widen.ts";
import { LAYER_MAPS } from "../apollo/layer-map.ts";
import type { DescribedMethod } from "../apollo/method.ts";
import { albert } from "../recipes/albert.ts";
import { apollo } from "../recipes/apollo.ts";
import { bert2bert } from "../recipes/bert2bert.ts";
import { depthUpScaling } from "../recipes/depth-up-scaling.ts";
import { gstack } from "../recipes/gstack.ts";
import { hypercloning } from "../recipes/hypercloning.ts";
import { layerDrop } from "../recipes/layer-drop.ts";
import { lemon } from "../recipes/lemon.ts";
import { LESA_TRAINED, lesa } from "../recipes/lesa.ts";
import { ligo } from "../recipes/ligo.ts";
import { mango } from "../recipes/mango.ts";
import { BLOCK_COPIES, midas } from "../recipes/midas.ts";
import { msg } from "../recipes/msg.ts";
import { mslt } from "../recipes/mslt.ts";
import { net2net } from "../recipes/net2net.ts";
import { NEW_LAYERS, oneLayer } from "../recipes/one-layer.ts";
import { RAPTR_SCALES, raptr } from "../recipes/raptr.ts";
import type { Recipe, RecipeCall } from "../recipes/recipe.ts";
import { scratch } from "../recipes/scratch.ts";
import { STACKBERT_RATES, stackbert } from "../recipes/stackbert.ts";
import { DEPTH_COPIES, staged } from "../recipes/staged.ts";
import { adaptiveSwe, swe, UNTYING_RULES } from "../recipes/swe.ts";
import { fraction, number, whole } from "./number-schemas.ts";
import { smallModelSchema } from "./small-model.ts";

const shareFromZero = number.min(0, "must lie in [0, 1)").lt(1, "must lie in [0, 1)");
const layerCounts = z.array(whole).min(1, "must not be empty");

const depthSchema = z.strictObject({
  sampler: z.enum(SAMPLERS),
  lvps: z.enum(LVPS_VARIANTS).optional(),
  es: z.enum(ES_VARIANTS).optional(),
  k: number.optional(),
});

/** Of recipes whose growth is learned. */
const operatorShape = {
  operatorSteps: whole.default(100),
  operatorLearningRate: number.positive("must be above 0").default(1e-3),
  depthMap: z.enum(LAYER_MAPS).default("stack"),
};

/** Ties a recipe to the schema of its options. */
function entry<Kind extends string, Shape extends z.ZodRawShape>(
  kind: Kind,
  options: Shape,
  recipe: Recipe<z.output<z.ZodObject<Shape>>>,
) {
  return { kind, recipe, schema: z.strictObject({ kind: z.literal(kind), ...options }) };
}

const ENTRIES = [
  entry("scratch", {}, scratch),
  entry(
    "apollo",
    {
      stages: layerCounts,
      boundaries: z.array(fraction),
      depth: depthSchema.default({ sampler: "lvps" }),
      map: z.enum(LAYER_MAPS).default("interp_floor"),
      optimizerAtGrowth: z.enum(OPTIMIZER_POLICIES).default("slot"),
      depthDraw: z.enum(["step", "microbatch"]).default("step"),
      sharedGradient: z.enum(["sum", "mean"]).default("sum"),
    },
    apollo,
  ),
  entry(
    "stackbert",
    {
      stages: layerCounts.optional(),
      boundaries: z.array(fraction).optional(),
      map: z.enum(LAYER_MAPS).default("stack"),
      learningRate: z.enum(STACKBERT_RATES).default("common"),
    },
    stackbert,
  ),
  entry("gstack", { growthFactor: whole.default(4), boundary: fraction.default(0.1) }, gstack),
  entry(
    "midas",
    {
      blockLayers: whole.optional(),
      alpha: number.min(0, "must not be negative").default(1),
      copied: z.enum(BLOCK_COPIES).default("middle"),
    },
    midas,
  ),
  entry("mslt", { blockLayers: whole.optional(), stageLength: fraction.default(0.1) }, mslt),
  entry("swe", { unitLayers: whole.default(1), boundary: fraction.default(0.1) }, swe),
  entry(
    "swe-adaptive",
    {
      untying: z.enum(UNTYING_RULES).default("all"),
      unitLayers: whole.default(1),
      threshold: number.min(-1, "must lie in [-1, 1]").max(1, "must lie in [-1, 1]").default(0.5),
      checkEvery: whole.optional(),
    },
    adaptiveSwe,
  ),
  entry(
    "one-layer",
    {
      layers: z.literal([0, 1]).default(1),
      newLayers: z.enum(NEW_LAYERS).optional(),
      boundary: fraction.default(0.8),
      optimizerAtGrowth: z.enum(OPTIMIZER_POLICIES).default("slot"),
    },
    oneLayer,
  ),
  entry(
    "raptr",
    { lengths: z.array(number).min(1, "must not be empty").optional(), scale: z.enum(RAPTR_SCALES).default("inverse") },
    raptr,
  ),
  entry(
    "layer-drop",
    {
      limit: number.gt(0, "must lie in (0, 1]").max(1, "must lie in (0, 1]").default(0.5),
      decay: number.min(0, "must not be negative").default(100),
    },
    layerDrop,
  ),
  entry("albert", { unitLayers: whole.default(1) }, albert),
  entry(
    "bert2bert",
    {
      small: smallModelSchema,
      knowledge: z.enum(["fpi", "aki"]).default("aki"),
      widthMap: z.enum(WIDTH_MAPS).default("random"),
      prefixShare: shareFromZero.default(0),
      prefixLayers: whole.optional(),
    },
    bert2bert,
  ),
  entry("net2net", { small: smallModelSchema, noise: number.min(0, "must not be negative").default(0.01) }, net2net),
  entry("hypercloning", { small: smallModelSchema }, hypercloning),
  entry("lemon", { small: smallModelSchema }, lemon),
  entry("msg", { small: smallModelSchema, rampLength: fraction.default(0.05) }, msg),
  entry("depth-up-scaling", { small: smallModelSchema }, depthUpScaling),
  entry(
    "staged",
    {
      small: smallModelSchema,
      depthCopies: z.enum(DEPTH_COPIES).default("alternate"),
      identity: z.boolean("must be true or false").default(false),
      restartShare: shareFromZero.default(0.03),
      rewarmShare: shareFromZero.default(0.0008),
    },
    staged,
  ),
  entry(
    "lesa",
    {
      small: smallModelSchema,
      inserted: whole.optional(),
      trained: z.enum(LESA_TRAINED).default("new"),
      epochs: whole.default(5),
      normWeight: number.min(0, "must lie in [0, 1]").max(1, "must lie in [0, 1]").default(5e-5),
    },
    lesa,
  ),
  entry("ligo", { small: smallModelSchema, ...operatorShape }, ligo),
  entry("mango", { small: smallModelSchema, ...operatorShape, rank: whole.default(1) }, mango),
] as const;

export const RECIPE_KINDS = ENTRIES.map(({ kind }) => kind);

type SchemasOf<Entries extends readonly { schema: unknown }[]> = { [Index in keyof Entries]: Entries[Index]["schema"] };

export const recipeSchema = z.discriminatedUnion(
  "kind",
  ENTRIES.map(({ schema }) => schema) as unknown as SchemasOf<typeof ENTRIES>,
  `must be one of ${RECIPE_KINDS.join(", ")}`,
);

/** @throws when the recipe does not fit the run. */
export function methodFrom({ kind, ...options }: z.output<typeof recipeSchema>, call: RecipeCall): DescribedMethod {
  const { recipe } = ENTRIES.find((candidate) => candidate.kind === kind)!;
  return recipe(options as never, call);
}
