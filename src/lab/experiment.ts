/** An experiment as data: validated, printed into its run's folder, and turned into a method. */

import { createHash } from "node:crypto";
import { z } from "zod";
import { checkGrowth } from "../apollo/growth/parameter-axes.ts";
import type { LayerMapName } from "../apollo/layer-map.ts";
import type { DescribedMethod } from "../apollo/method.ts";
import { checkTokenizerKind, TOKENIZER_KINDS } from "../data/token-cache.ts";
import { readJson } from "../io/files.ts";
import { FAMILY_DEFAULTS, PRESETS } from "../nn/index.ts";
import { LEARNING_RATE_KINDS } from "../optim/learning-rate.ts";
import { fraction, number, whole } from "./number-schemas.ts";
import { methodFrom, recipeSchema } from "./recipe-schemas.ts";

/** Schedules and maps count layers one by one, and this is far beyond any model. */
const MOST_LAYERS = 100_000;

const modelSchema = z.strictObject({
  family: z.enum(["gpt", "bert"]),
  /** Target depth L. */
  layers: whole.max(MOST_LAYERS, `must be at most ${MOST_LAYERS}`),
  hidden: whole,
  heads: whole,
  context: whole,
  vocabulary: whole,
  dropout: number.min(0, "must lie in [0, 1)").lt(1, "must lie in [0, 1)").default(0),
  /** Where the normalisation stands; GPT is pre-LN, BERT post-LN unless told otherwise. */
  norm: z.enum(["pre", "post"]).optional(),
  // Of models that come from elsewhere, where they are not what this project's have.
  /** Size of the feed-forward networks between their projections; 4·hidden when absent. */
  inner: whole.optional(),
  activation: z.enum(["gelu", "gelu-tanh"]).optional(),
  /** Of every LayerNorm. */
  epsilon: number.positive("must be above 0").optional(),
});

const dataSchema = z.strictObject({
  /** "brown", "sotu", or a path to a file, a folder, or a .jsonl file. */
  corpus: z.string().default("brown"),
  validationFraction: fraction.default(0.1),
  /** At least this many validation tokens are evaluated, if there are so many. */
  validationTokens: whole.default(65536),
  /** What is trained on the text. "bpe" leaves no trace, as if it were absent: one experiment, one hash. */
  tokenizer: z
    .enum(TOKENIZER_KINDS)
    .transform((kind) => (kind === "bpe" ? undefined : kind))
    .optional(),
});

const trainingSchema = z.strictObject({
  /** T, updates. */
  steps: whole,
  /** Sequences in one micro-batch. */
  batch: whole,
  microBatches: whole.default(1),
  learningRate: z.strictObject({
    kind: z.enum(LEARNING_RATE_KINDS).default("cosine"),
    peak: number.positive("must be above 0"),
    warmupRatio: number.min(0, "must lie in [0, 1)").lt(1, "must lie in [0, 1)").optional(),
    decayRatio: number.gt(0, "must lie in (0, 1]").max(1, "must lie in (0, 1]").optional(),
  }),
  weightDecay: number.min(0, "must not be negative").default(0.01),
  clipNorm: number.positive("must be above 0").default(1),
  /** Runs every layer a second time on the way back instead of keeping its inner values. */
  gradientCheckpointing: z.boolean("must be true or false").default(false),
});

export const experimentSchema = z.strictObject({
  name: z.string().min(1, "must not be empty"),
  model: modelSchema,
  data: dataSchema.prefault({}),
  /**
   * The folder of a run, finished or cut off, or of a model in Hugging Face's form, with whose weights and tokenizer training
   * begins; random weights when absent. What was in the folder then is not recorded: a run that begins anew after it has changed
   * begins from something else, and one that goes on has all that it needs in its own.
   */
  from: z.string().min(1, "must not be empty").optional(),
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
  try {
    checkTokenizerKind({ family: experiment.model.family, tokenizer: experiment.data.tokenizer });
  } catch (error) {
    throw new Error(`experiment: ${(error as Error).message}`);
  }
  // A recipe that does not fit the model is refused now, not at its first growth.
  const method = methodOf(experiment);
  checkBeginning(experiment, method);
  const { kind, warmupRatio, decayRatio } = experiment.training.learningRate;
  const isScheduled = kind !== "cosine" || warmupRatio !== undefined || decayRatio !== undefined;
  // A small model that is trained first has the run's schedule.
  if (method.learningRate !== undefined && isScheduled && !("small" in experiment.recipe))
    throw new Error(
      `experiment: ${method.name} has a learning-rate schedule of its own, beside which "${kind}" means nothing`,
    );
  smallExperimentOf(experiment);
  return experiment;
}

/** @throws when a method cannot begin with the weights of a whole model, or the model has what only such weights bring. */
function checkBeginning({ from, model, data }: Experiment, method: DescribedMethod): void {
  if (from === undefined) {
    const brought = (["inner", "activation", "epsilon"] as const).find((name) => model[name] !== undefined);
    if (brought === undefined) return;
    throw new Error(`experiment: model.${brought} is ${model[brought]}, which only a model to begin from can have`);
  }
  if (data.tokenizer !== undefined)
    throw new Error(
      `experiment: the tokenizer of ${from} is there, so that data.tokenizer ${data.tokenizer} means nothing`,
    );
  const refuse = (reason: string) => new Error(`experiment: ${method.name} cannot begin from ${from}: ${reason}`);
  const [{ uniqueLayers }] = method.stages;
  if (method.firstWeights !== undefined) throw refuse("its first weights are made from a small model");
  if (uniqueLayers < model.layers)
    throw refuse(`it begins with fewer layers (${uniqueLayers}) than there are weights for (${model.layers})`);
  if (method.gradientRule !== undefined) throw refuse("it begins with layers that are equal");
}

/** The experiment that a file holds. @throws as {@link parseExperiment}, naming the file. */
export function readExperiment(path: string): Experiment {
  const content = readJson(path);
  try {
    return parseExperiment(content);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown): string {
  const place = issue.path.join(".");
  if (issue.code === "unrecognized_keys")
    return `there is no field "${issue.keys[0]}"${place === "" ? "" : ` in ${place}`}`;
  const found = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
  if (found === undefined) return `${place || "the whole"} is missing`;
  return `${place || "the whole"} is ${JSON.stringify(found)}: ${demandOf(issue)}`;
}

const KINDS: Record<string, string> = { object: "an object", array: "a list", string: "a text" };

/** What was wanted, in the words of the schema or, where it has none, in these. */
function demandOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.expected in KINDS) return `must be ${KINDS[issue.expected]}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  return issue.message;
}

/**
 * The method that an experiment's recipe describes.
 * @param began the small model that the run began from; where none is given, what the recipe says of it.
 * @throws when stages or boundaries do not fit.
 */
export function methodOf(
  { recipe, training, model }: Pick<Experiment, "recipe" | "training" | "model">,
  began?: { layers: number; hidden: number },
): DescribedMethod {
  const { layers = model.layers, hidden } = began ?? ("small" in recipe ? recipe.small : {});
  // Heads keep their size.
  const heads = ((hidden ?? 0) * model.heads) / model.hidden;
  const growth = hidden === undefined ? undefined : { from: { ...model, layers, hidden, heads }, to: model };
  const { family, norm = FAMILY_DEFAULTS[family].norm } = model;
  return methodFrom(recipe, { steps: training.steps, targetDepth: model.layers, growth, family, norm });
}

/**
 * The experiment that trains the small model which a recipe begins from; null where it begins from chance, or from a run
 * that is there.
 * @throws when the options of the small model do not make one.
 */
export function smallExperimentOf(experiment: Experiment): Experiment | null {
  const { recipe, model, training, name } = experiment;
  if (!("small" in recipe)) return null;
  const { run, steps = training.steps, learningRate: peak = training.learningRate.peak, ...sizes } = recipe.small;
  const { layers = model.layers, hidden, heads } = sizes;
  if (run !== undefined) {
    const other = Object.entries(recipe.small).find(([key, value]) => key !== "run" && value !== undefined);
    if (other === undefined) return null;
    throw new Error(`${name}: ${other[0]} ${other[1]} cannot stand beside the run ${run}, whose model is there`);
  }
  if (hidden === undefined || heads === undefined)
    throw new Error(`${name}: the small model needs either the folder of a run, or hidden and heads`);
  const small = { ...model, layers, hidden, heads };
  checkGrowth(small, model);
  return {
    ...experiment,
    name: `small-${layers}x${hidden}`,
    model: small,
    recipe: { kind: "scratch" },
    training: { ...training, steps, learningRate: { ...training.learningRate, peak } },
  };
}

/** The folder of the finished run that an experiment's small model is taken from; undefined where there is none. */
export function smallRunOf({ recipe }: Pick<Experiment, "recipe">): string | undefined {
  return "small" in recipe ? recipe.small.run : undefined;
}

/** V: what the text gave, or all ids of the model that a run begins from, for some of which there may be no token. */
export function vocabularyOf(
  { model, from }: Pick<Experiment, "model" | "from">,
  { vocabularySize }: { vocabularySize: number },
): number {
  return from === undefined ? vocabularySize : model.vocabulary;
}

/** The map by which an experiment shares and grows layers, where one has a name; interpolation where none is needed. */
export function layerMapOf({ recipe }: Pick<Experiment, "recipe">): LayerMapName {
  return ("map" in recipe ? recipe.map : undefined) ?? "interp_floor";
}

/** A name for the experiment's content: equal experiments, equal hashes. */
export function experimentHash(experiment: Experiment): string {
  return createHash("sha256").update(JSON.stringify(experiment)).digest("hex").slice(0, 16);
}

/** A model's sizes by preset name. @throws naming the presets that exist. */
export function presetModel(name: string): ExperimentInput["model"] {
  if (!Object.hasOwn(PRESETS, name))
    throw new Error(`there is no model preset "${name}"; there are ${Object.keys(PRESETS).join(", ")}`);
  return { family: name.startsWith("bert") ? "bert" : "gpt", ...PRESETS[name as keyof typeof PRESETS] };
}
