/** An experiment as data: validated, printed into its run's folder, and turned into a method. */

import { createHash } from "node:crypto";
import { z } from "zod";
import { OPTIMIZER_POLICIES } from "../apollo/growth/grow-layers.ts";
import type { Method } from "../apollo/method.ts";
import { PRESETS } from "../nn/index.ts";
import { apollo } from "../recipes/apollo.ts";
import { scratch } from "../recipes/scratch.ts";

const number = z.number("must be a number");
const whole = number.int("must be a whole number").positive("must be above 0");
const fraction = number.gt(0, "must lie between 0 and 1").lt(1, "must lie between 0 and 1");

const modelSchema = z.strictObject({
  family: z.enum(["gpt", "bert"]),
  /** Target depth L. */
  layers: whole,
  hidden: whole,
  heads: whole,
  context: whole,
  vocabulary: whole,
  dropout: number.min(0, "must lie in [0, 1)").lt(1, "must lie in [0, 1)").default(0),
  /** Where the normalisation stands; GPT is pre-LN, BERT post-LN unless told otherwise. */
  norm: z.enum(["pre", "post"]).optional(),
});

const dataSchema = z.strictObject({
  /** "brown", "sotu", or a path to a file, a folder, or a .jsonl file. */
  corpus: z.string().default("brown"),
  validationFraction: fraction.default(0.1),
  /** At least this many validation tokens are evaluated, if there are so many. */
  validationTokens: whole.default(65536),
});

const depthSchema = z.strictObject({
  sampler: z.enum(["lvps", "us", "es", "fs", "none"]),
  lvps: z.enum(["int", "round", "floor", "floorIncl", "release"]).optional(),
  es: z.enum(["int", "round", "release"]).optional(),
  k: number.optional(),
});

const recipeSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("scratch") }),
  z.strictObject({
    kind: z.literal("apollo"),
    stages: z.array(whole).min(1),
    boundaries: z.array(fraction),
    depth: depthSchema.default({ sampler: "lvps" }),
    map: z.enum(["interp_floor", "interp_round", "interp_ceil", "stack", "stack_top"]).default("interp_floor"),
    optimizerAtGrowth: z.enum(OPTIMIZER_POLICIES).default("slot"),
    depthDraw: z.enum(["step", "microbatch"]).default("step"),
    sharedGradient: z.enum(["sum", "mean"]).default("sum"),
  }),
]);

const trainingSchema = z.strictObject({
  /** T, updates. */
  steps: whole,
  /** Sequences in one micro-batch. */
  batch: whole,
  microBatches: whole.default(1),
  learningRate: z.strictObject({
    kind: z.enum(["constant", "linear", "cosine", "wsd"]).default("cosine"),
    peak: number.positive("must be above 0"),
    warmupRatio: number.min(0).lt(1).optional(),
    decayRatio: number.gt(0).max(1).optional(),
  }),
  weightDecay: number.min(0, "must not be negative").default(0.01),
  clipNorm: number.positive("must be above 0").default(1),
});

export const experimentSchema = z.strictObject({
  name: z.string().min(1),
  model: modelSchema,
  data: dataSchema.prefault({}),
  recipe: recipeSchema,
  training: trainingSchema,
  /** How often the validation loss is measured, counted over the whole run. */
  evaluations: whole.default(100),
  seed: number.int("must be a whole number").min(0, "must not be negative").default(0),
});

export type Experiment = z.output<typeof experimentSchema>;
export type ExperimentInput = z.input<typeof experimentSchema>;
export type RecipeInput = z.input<typeof recipeSchema>;

/** Checks an experiment and fills in defaults. @throws one sentence naming the field and the value. */
export function parseExperiment(input: unknown): Experiment {
  const parsed = experimentSchema.safeParse(input);
  if (!parsed.success) throw new Error(`experiment: ${describeIssue(parsed.error.issues[0], input)}`);
  const experiment = parsed.data;
  // A recipe that does not fit the model is refused now, not at its first growth.
  methodOf(experiment);
  return experiment;
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown): string {
  const place = issue.path.join(".");
  if (issue.code === "unrecognized_keys")
    return `there is no field "${issue.keys[0]}"${place === "" ? "" : ` in ${place}`}`;
  const found = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
  return `${place || "the whole"} is ${JSON.stringify(found)}: ${issue.message}`;
}

/** The method that an experiment's recipe describes. @throws when stages or boundaries do not fit. */
export function methodOf({ recipe, training, model }: Pick<Experiment, "recipe" | "training" | "model">): Method {
  const call = { steps: training.steps, targetDepth: model.layers };
  return recipe.kind === "scratch" ? scratch({}, call) : apollo(recipe, call);
}

/** A name for the experiment's content: equal experiments, equal hashes. */
export function experimentHash(experiment: Experiment): string {
  return createHash("sha256").update(JSON.stringify(experiment)).digest("hex").slice(0, 16);
}

/** A model's sizes by preset name. @throws naming the presets that exist. */
export function presetModel(name: string): ExperimentInput["model"] {
  const preset = PRESETS[name as keyof typeof PRESETS];
  if (preset === undefined)
    throw new Error(`there is no model preset "${name}"; there are ${Object.keys(PRESETS).join(", ")}`);
  return { family: name.startsWith("bert") ? "bert" : "gpt", ...preset };
}
