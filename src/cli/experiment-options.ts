/** The options that describe experiments, shared by several commands, and what they become. */

import { type Command, Option } from "commander";
import { ES_VARIANTS, LVPS_VARIANTS } from "../apollo/depth-sampler.ts";
import { OPTIMIZER_POLICIES } from "../apollo/growth/grow-layers.ts";
import { LAYER_MAPS } from "../apollo/layer-map.ts";
import {
  type Experiment,
  type ExperimentInput,
  parseExperiment,
  presetModel,
  type RecipeInput,
} from "../lab/experiment.ts";
import { PRESETS } from "../nn/index.ts";
import { LEARNING_RATE_KINDS, type LearningRateKind } from "../optim/learning-rate.ts";
import { parseList, parseNumber, parseWhole } from "./parse.ts";

/** Values as commander hands them over. */
export interface ExperimentFlags {
  model: string;
  layers?: number;
  hidden?: number;
  heads?: number;
  context?: number;
  vocabulary?: number;
  dropout?: number;
  corpus: string;
  validationFraction?: number;
  steps: number;
  batch: number;
  microBatches?: number;
  gradientCheckpointing?: boolean;
  learningRate?: number;
  schedule: LearningRateKind;
  seed: number;
  evaluations: number;
  stages?: number[];
  boundaries?: number[];
  lvps?: string;
  es?: string;
  k?: number;
  map?: string;
  optimizerAtGrowth?: string;
  sharedGradient?: string;
  depthDraw?: string;
}

/** Recipes by the name that the command line knows them by. */
export const RECIPES = ["scratch", "apollo-lvps", "apollo-us", "apollo-es", "apollo-fs", "apollo-none"] as const;

const DEFAULT_STAGES = [1, 3, 6, 12];
/** methods A.9: the paper's BERT schedule as fractions of the run [P]. */
const DEFAULT_BOUNDARIES = [0.05, 0.1, 0.25];
/** The options that all Apollo recipes have, and those of samplers: FS draws nothing, and growth alone shares nothing. */
const APOLLO_FLAGS = ["stages", "boundaries", "map", "optimizerAtGrowth"] as const;
const SAMPLER_FLAGS = {
  lvps: ["lvps", "k", "sharedGradient", "depthDraw"],
  es: ["es", "k", "sharedGradient", "depthDraw"],
  us: ["sharedGradient", "depthDraw"],
  fs: ["sharedGradient"],
  none: [],
} as const;
type RecipeFlag = (typeof APOLLO_FLAGS)[number] | (typeof SAMPLER_FLAGS)[keyof typeof SAMPLER_FLAGS][number];

/** Found on the embedded corpus at the default size; BERT's post-LN blocks bear less. */
const DEFAULT_PEAK = { gpt: 2e-3, bert: 1e-3 };

/** Adds the options of model, data and training. */
export function addExperimentOptions(command: Command): Command {
  return command
    .option("--model <name>", `gpt, bert, or a preset: ${Object.keys(PRESETS).join(", ")}`, "gpt")
    .option("--layers <L>", "target depth", parseWhole)
    .option("--hidden <d>", "hidden size", parseWhole)
    .option("--heads <n>", "attention heads", parseWhole)
    .option("--context <T>", "tokens in a sequence", parseWhole)
    .option("--vocabulary <V>", "size of the byte-level BPE vocabulary", parseWhole)
    .option("--dropout <p>", "dropout everywhere", parseNumber)
    .option("--corpus <source>", "brown, sotu, or a path to a file, a folder or a .jsonl file", "brown")
    .option("--validation-fraction <f>", "share of the documents that is kept for validation", parseNumber)
    .option("--steps <T>", "updates", parseWhole, 1500)
    .option("--batch <B>", "sequences in a micro-batch", parseWhole, 4)
    .option("--micro-batches <n>", "micro-batches in an update", parseWhole)
    .option("--gradient-checkpointing", "run layers twice instead of keeping what their gradients need: less memory")
    .option(
      "--learning-rate <lr>",
      `largest learning rate (${DEFAULT_PEAK.gpt} for GPT, ${DEFAULT_PEAK.bert} for BERT)`,
      parseNumber,
    )
    .addOption(new Option("--schedule <kind>", "learning-rate schedule").choices(LEARNING_RATE_KINDS).default("cosine"))
    .option("--seed <n>", "of initial weights, data order, masks, dropout and depths", parseWhole, 0)
    .option("--evaluations <n>", "how often the validation loss is measured during a run", parseWhole, 30);
}

/** Adds the options of progressive training. */
export function addApolloOptions(command: Command): Command {
  return command
    .option("--stages <list>", "unique layers N of each stage, the last is L (1,3,6,12)", parseList(parseWhole))
    .option("--boundaries <list>", "where stages end, as fractions of the steps (.05,.1,.25)", parseList(parseNumber))
    .addOption(new Option("--map <name>", "which weight each position uses").choices(LAYER_MAPS))
    .addOption(new Option("--lvps <variant>", "how LVPS becomes an integer").choices(LVPS_VARIANTS))
    .addOption(new Option("--es <variant>", "how ES becomes an integer").choices(ES_VARIANTS))
    .option("--k <k>", "the sampler's k (LVPS 0, ES 10)", parseNumber)
    .addOption(
      new Option("--optimizer-at-growth <policy>", "what becomes of Adam's moments").choices(OPTIMIZER_POLICIES),
    )
    .addOption(new Option("--shared-gradient <kind>", "how a shared layer combines its uses").choices(["sum", "mean"]))
    .addOption(new Option("--depth-draw <per>", "how often a depth is drawn").choices(["step", "microbatch"]));
}

/** The options of progressive training that mean something to a recipe. @throws for an unknown name. */
function flagsOf(recipe: string): readonly RecipeFlag[] {
  if (recipe === "scratch") return [];
  if (!(RECIPES as readonly string[]).includes(recipe))
    throw new Error(`there is no recipe "${recipe}"; there are ${RECIPES.join(", ")}`);
  return [...APOLLO_FLAGS, ...SAMPLER_FLAGS[samplerOf(recipe)]];
}

const samplerOf = (recipe: string) => recipe.slice("apollo-".length) as keyof typeof SAMPLER_FLAGS;

/** @throws naming an option that is given and means nothing to any of the recipes. */
function refuseMeaningless(flags: ExperimentFlags, recipes: readonly string[]): void {
  const known = new Set(recipes.flatMap(flagsOf));
  const every: RecipeFlag[] = [...APOLLO_FLAGS, ...Object.values(SAMPLER_FLAGS).flat()];
  const unused = every.find((flag) => flags[flag] !== undefined && !known.has(flag));
  if (unused === undefined) return;
  const option = `--${unused.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${flags[unused]}`;
  throw new Error(
    `${option} means nothing to ${recipes.length === 1 ? "the recipe" : "any of the recipes"} ${recipes.join(", ")}`,
  );
}

/** The recipe that a name and the options describe; those of other recipes are passed over. */
function recipeOf(name: string, flags: ExperimentFlags, layers: number): RecipeInput {
  if (name === "scratch") return { kind: "scratch" };
  const known = Object.fromEntries(flagsOf(name).map((flag) => [flag, flags[flag]])) as Pick<
    ExperimentFlags,
    RecipeFlag
  >;
  const {
    stages = layers === DEFAULT_STAGES.at(-1) ? DEFAULT_STAGES : undefined,
    boundaries,
    lvps,
    es,
    k,
    ...rest
  } = known;
  if (stages === undefined) throw new Error(`a model of ${layers} layers needs --stages that end at ${layers}`);
  return {
    kind: "apollo",
    stages,
    boundaries:
      boundaries ?? (stages.length === DEFAULT_STAGES.length ? DEFAULT_BOUNDARIES : refuseMissingBoundaries(stages)),
    depth: { sampler: samplerOf(name), lvps, es, k },
    ...rest,
  } as RecipeInput;
}

function refuseMissingBoundaries(stages: readonly number[]): never {
  throw new Error(
    `${stages.length} stages (${stages.join(", ")}) need --boundaries with ${stages.length - 1} fractions`,
  );
}

/**
 * Checked experiments from the options, one for each recipe and named after it.
 * @throws one sentence naming the option or its field and the value; an option must mean something to one of the recipes.
 */
export function experimentsFrom(flags: ExperimentFlags, recipes: readonly string[]): Experiment[] {
  refuseMeaningless(flags, recipes);
  return recipes.map((recipe) => experimentOf(flags, recipe));
}

function experimentOf(flags: ExperimentFlags, recipe: string): Experiment {
  const preset = presetModel(flags.model === "gpt" || flags.model === "bert" ? `${flags.model}-mini` : flags.model);
  const { layers = preset.layers, hidden = preset.hidden, heads = preset.heads, context = preset.context } = flags;
  const {
    vocabulary = preset.vocabulary,
    dropout,
    corpus,
    validationFraction,
    steps,
    batch,
    microBatches,
    seed,
    evaluations,
  } = flags;
  const input: ExperimentInput = {
    name: recipe,
    model: { family: preset.family, layers, hidden, heads, context, vocabulary, dropout },
    data: { corpus, validationFraction },
    recipe: recipeOf(recipe, flags, layers),
    training: {
      steps,
      batch,
      microBatches,
      gradientCheckpointing: flags.gradientCheckpointing,
      learningRate: { kind: flags.schedule, peak: flags.learningRate ?? DEFAULT_PEAK[preset.family] },
    },
    evaluations,
    seed,
  };
  return parseExperiment(input);
}
