/** The options that describe experiments, shared by several commands, and what they become. */

import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type Experiment,
  type ExperimentInput,
  parseExperiment,
  presetModel,
  type RecipeInput,
} from "../lab/experiment.ts";
import { PRESETS } from "../nn/index.ts";

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
  learningRate?: number;
  schedule: "constant" | "linear" | "cosine" | "wsd";
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
/** Found on the embedded corpus at the default size; BERT's post-LN blocks bear less. */
const DEFAULT_PEAK = { gpt: 2e-3, bert: 1e-3 };

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return value;
}

function parseList(text: string): number[] {
  return text.split(",").map(parseNumber);
}

/** Adds the options of model, data and training. */
export function addExperimentOptions(command: Command): Command {
  return command
    .option("--model <name>", `gpt, bert, or a preset: ${Object.keys(PRESETS).join(", ")}`, "gpt")
    .option("--layers <L>", "target depth", parseNumber)
    .option("--hidden <d>", "hidden size", parseNumber)
    .option("--heads <n>", "attention heads", parseNumber)
    .option("--context <T>", "tokens in a sequence", parseNumber)
    .option("--vocabulary <V>", "size of the byte-level BPE vocabulary", parseNumber)
    .option("--dropout <p>", "dropout everywhere", parseNumber)
    .option("--corpus <source>", "brown, sotu, or a path to a file, a folder or a .jsonl file", "brown")
    .option("--validation-fraction <f>", "share of the documents that is kept for validation", parseNumber)
    .option("--steps <T>", "updates", parseNumber, 800)
    .option("--batch <B>", "sequences in a micro-batch", parseNumber, 8)
    .option("--micro-batches <n>", "micro-batches in an update", parseNumber)
    .option(
      "--learning-rate <lr>",
      `largest learning rate (${DEFAULT_PEAK.gpt} for GPT, ${DEFAULT_PEAK.bert} for BERT)`,
      parseNumber,
    )
    .addOption(
      new Option("--schedule <kind>", "learning-rate schedule")
        .choices(["constant", "linear", "cosine", "wsd"])
        .default("cosine"),
    )
    .option("--seed <n>", "of initial weights, data order, masks, dropout and depths", parseNumber, 0)
    .option("--evaluations <n>", "how often the validation loss is measured during a run", parseNumber, 30);
}

/** Adds the options of progressive training. */
export function addApolloOptions(command: Command): Command {
  return command
    .option("--stages <list>", "unique layers N of each stage, the last is L (1,3,6,12)", parseList)
    .option("--boundaries <list>", "where stages end, as fractions of the steps (.05,.1,.25)", parseList)
    .addOption(
      new Option("--map <name>", "which weight each position uses").choices([
        "interp_floor",
        "interp_round",
        "interp_ceil",
        "stack",
        "stack_top",
      ]),
    )
    .addOption(
      new Option("--lvps <variant>", "how LVPS becomes an integer").choices([
        "int",
        "round",
        "floor",
        "floorIncl",
        "release",
      ]),
    )
    .addOption(new Option("--es <variant>", "how ES becomes an integer").choices(["int", "round", "release"]))
    .option("--k <k>", "the sampler's k (LVPS 0, ES 10)", parseNumber)
    .addOption(
      new Option("--optimizer-at-growth <policy>", "what becomes of Adam's moments").choices([
        "slot",
        "reset",
        "copy",
        "copy_scaled",
      ]),
    )
    .addOption(new Option("--shared-gradient <kind>", "how a shared layer combines its uses").choices(["sum", "mean"]))
    .addOption(new Option("--depth-draw <per>", "how often a depth is drawn").choices(["step", "microbatch"]));
}

/** The recipe that a name and the options describe. @throws for an unknown name. */
function recipeOf(name: string, flags: ExperimentFlags, layers: number): RecipeInput {
  if (name === "scratch") return { kind: "scratch" };
  if (!(RECIPES as readonly string[]).includes(name))
    throw new Error(`there is no recipe "${name}"; there are ${RECIPES.join(", ")}`);
  const sampler = name.slice("apollo-".length);
  const { stages = layers === DEFAULT_STAGES.at(-1) ? DEFAULT_STAGES : undefined, boundaries, k, lvps, es } = flags;
  if (stages === undefined) throw new Error(`a model of ${layers} layers needs --stages that end at ${layers}`);
  return {
    kind: "apollo",
    stages,
    boundaries:
      boundaries ?? (stages.length === DEFAULT_STAGES.length ? DEFAULT_BOUNDARIES : refuseMissingBoundaries(stages)),
    depth: { sampler, ...(sampler === "lvps" && { lvps, k }), ...(sampler === "es" && { es, k }) },
    map: flags.map,
    optimizerAtGrowth: flags.optimizerAtGrowth,
    sharedGradient: flags.sharedGradient,
    depthDraw: flags.depthDraw,
  } as RecipeInput;
}

function refuseMissingBoundaries(stages: readonly number[]): never {
  throw new Error(
    `${stages.length} stages (${stages.join(", ")}) need --boundaries with ${stages.length - 1} fractions`,
  );
}

/** A checked experiment from the options. @throws one sentence naming the option's field and value. */
export function experimentFrom(flags: ExperimentFlags, recipe: string, name = recipe): Experiment {
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
    name,
    model: { family: preset.family, layers, hidden, heads, context, vocabulary, dropout },
    data: { corpus, validationFraction },
    recipe: recipeOf(recipe, flags, layers),
    training: {
      steps,
      batch,
      microBatches,
      learningRate: { kind: flags.schedule, peak: flags.learningRate ?? DEFAULT_PEAK[preset.family] },
    },
    evaluations,
    seed,
  };
  return parseExperiment(input);
}
