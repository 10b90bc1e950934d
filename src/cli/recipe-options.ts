/** Recipes by the names that the command line knows them by: which options each has, and what they become. */

import { type Command, Option } from "commander";
import { ES_VARIANTS, LVPS_VARIANTS, type SamplerName } from "../apollo/depth-sampler.ts";
import { OPTIMIZER_POLICIES } from "../apollo/growth/grow-layers.ts";
import { WIDTH_MAPS } from "../apollo/growth/widen.ts";
import { LAYER_MAPS } from "../apollo/layer-map.ts";
import type { RecipeInput } from "../lab/experiment.ts";
import { NEW_LAYERS } from "../recipes/one-layer.ts";
import { RAPTR_SCALES } from "../recipes/raptr.ts";
import { STACKBERT_RATES } from "../recipes/stackbert.ts";
import { DEPTH_COPIES } from "../recipes/staged.ts";
import { parseCount, parseList, parseNumber, parseWhole } from "./parse.ts";

/** Values as commander hands them over. */
export interface RecipeFlags {
  stages?: number[];
  boundaries?: number[];
  lvps?: string;
  es?: string;
  k?: number;
  map?: string;
  optimizerAtGrowth?: string;
  sharedGradient?: string;
  depthDraw?: string;
  stackLearningRate?: string;
  growthFactor?: number;
  blockLayers?: number;
  alpha?: number;
  stageLength?: number;
  unitLayers?: number;
  newLayers?: string;
  pathLengths?: number[];
  branchScale?: string;
  smallRun?: string;
  smallHidden?: number;
  smallHeads?: number;
  smallLayers?: number;
  smallSteps?: number;
  smallLearningRate?: number;
  rampLength?: number;
  widthMap?: string;
  prefixShare?: number;
  prefixLayers?: number;
  noise?: number;
  depthCopies?: string;
  restartShare?: number;
  operatorSteps?: number;
  operatorLearningRate?: number;
  depthMap?: string;
  rank?: number;
}

type RecipeFlag = keyof RecipeFlags;

interface NamedRecipe {
  /** The options that mean something to it. */
  flags: readonly RecipeFlag[];
  /** @param flags those among `flags` that were given. @param layers L. */
  toInput(flags: RecipeFlags, layers: number): object;
}

const DEFAULT_STAGES = [1, 3, 6, 12];
/** methods A.9: the paper's BERT schedule as fractions of the run [P]. */
const DEFAULT_BOUNDARIES = [0.05, 0.1, 0.25];

const apollo = (sampler: SamplerName, flags: readonly RecipeFlag[]): NamedRecipe => ({
  flags: ["stages", "boundaries", "map", "optimizerAtGrowth", ...flags],
  toInput({ stages, boundaries, lvps, es, k, ...rest }, layers) {
    if (stages === undefined && layers !== DEFAULT_STAGES.at(-1))
      throw new Error(`a model of ${layers} layers needs --stages that end at ${layers}`);
    const all = stages ?? DEFAULT_STAGES;
    if (boundaries === undefined && all.length !== DEFAULT_STAGES.length)
      throw new Error(`${all.length} stages (${all.join(", ")}) need --boundaries with ${all.length - 1} fractions`);
    return {
      ...{ kind: "apollo", stages: all, boundaries: boundaries ?? DEFAULT_BOUNDARIES },
      ...{ depth: { sampler, lvps, es, k }, ...rest },
    };
  },
});

/** Recipes whose options have the names that they have in experiments. */
const plain = (options: object, flags: readonly RecipeFlag[] = []): NamedRecipe => ({
  flags,
  toInput: (given) => ({ ...options, ...given }),
});

/** Recipes that grow once. */
const oneGrowth = (name: string, options: object, flags: readonly RecipeFlag[]): NamedRecipe => ({
  flags: ["boundaries", ...flags],
  toInput({ boundaries, ...rest }) {
    if (boundaries !== undefined && boundaries.length !== 1)
      throw new Error(`${name} grows once: --boundaries must be one fraction, not ${boundaries.join(",")}`);
    return { ...options, ...(boundaries && { boundary: boundaries[0] }), ...rest };
  },
});

const SMALL_FLAGS = [
  "smallRun",
  "smallHidden",
  "smallHeads",
  "smallLayers",
  "smallSteps",
  "smallLearningRate",
] as const;

/** Recipes that begin from a small trained model. */
const fromSmall = (options: object, flags: readonly RecipeFlag[] = []): NamedRecipe => ({
  flags: [...SMALL_FLAGS, ...flags],
  toInput: ({ smallRun, smallHidden, smallHeads, smallLayers, smallSteps, smallLearningRate, ...rest }) => ({
    ...{ ...options, ...rest },
    small: {
      ...{ run: smallRun, hidden: smallHidden, heads: smallHeads, layers: smallLayers },
      ...{ steps: smallSteps, learningRate: smallLearningRate },
    },
  }),
});

/** LESA has to know how many layers are new before it sees the small model. */
const lesa: NamedRecipe = {
  flags: SMALL_FLAGS,
  toInput({ smallLayers, ...rest }, layers) {
    if (smallLayers === undefined && (rest.smallRun === undefined || layers % 3 !== 0))
      throw new Error(`lesa: --small-layers must be given: how many of the ${layers} layers the small model has`);
    if (smallLayers !== undefined && smallLayers >= layers)
      throw new Error(
        `lesa: a small model with --small-layers ${smallLayers} leaves none to insert in one of ${layers}`,
      );
    const inserted = smallLayers === undefined ? undefined : layers - smallLayers;
    // Of a run's model, they are told here and known there.
    const flags = rest.smallRun === undefined ? { smallLayers, ...rest } : rest;
    return { ...fromSmall({ kind: "lesa" }).toInput(flags, layers), inserted };
  },
};

const BERT2BERT_FLAGS = ["widthMap", "prefixShare", "prefixLayers"] as const;
const OPERATOR_FLAGS = ["operatorSteps", "operatorLearningRate", "depthMap"] as const;
const MIDAS_FLAGS = ["blockLayers", "alpha"] as const;

const NAMED: Readonly<Record<string, NamedRecipe>> = {
  scratch: plain({ kind: "scratch" }),
  "apollo-lvps": apollo("lvps", ["lvps", "k", "sharedGradient", "depthDraw"]),
  "apollo-us": apollo("us", ["sharedGradient", "depthDraw"]),
  "apollo-es": apollo("es", ["es", "k", "sharedGradient", "depthDraw"]),
  // FS draws nothing, and growth alone shares nothing.
  "apollo-fs": apollo("fs", ["sharedGradient"]),
  "apollo-none": apollo("none", []),
  stackbert: {
    flags: ["stages", "boundaries", "map", "stackLearningRate"],
    toInput: ({ stackLearningRate, ...rest }) => ({ kind: "stackbert", ...rest, learningRate: stackLearningRate }),
  },
  "bert2bert-fpi": fromSmall({ kind: "bert2bert", knowledge: "fpi" }, BERT2BERT_FLAGS),
  "bert2bert-aki": fromSmall({ kind: "bert2bert", knowledge: "aki" }, BERT2BERT_FLAGS),
  ligo: fromSmall({ kind: "ligo" }, OPERATOR_FLAGS),
  mango: fromSmall({ kind: "mango" }, [...OPERATOR_FLAGS, "rank"]),
  net2net: fromSmall({ kind: "net2net" }, ["noise"]),
  hypercloning: fromSmall({ kind: "hypercloning" }),
  lemon: fromSmall({ kind: "lemon" }),
  msg: fromSmall({ kind: "msg" }, ["rampLength"]),
  "depth-up-scaling": fromSmall({ kind: "depth-up-scaling" }),
  lesa,
  staged: fromSmall({ kind: "staged" }, ["depthCopies", "restartShare"]),
  "swe-f": oneGrowth("swe-f", { kind: "swe" }, ["unitLayers"]),
  "swe-a": plain({ kind: "swe-adaptive", untying: "all" }, ["unitLayers"]),
  "swe-m": plain({ kind: "swe-adaptive", untying: "split" }, ["unitLayers"]),
  raptr: {
    flags: ["pathLengths", "branchScale"],
    toInput: ({ pathLengths, branchScale }) => ({ kind: "raptr", lengths: pathLengths, scale: branchScale }),
  },
  "layer-drop": plain({ kind: "layer-drop" }),
  albert: plain({ kind: "albert" }, ["unitLayers"]),
  mslt: plain({ kind: "mslt" }, ["blockLayers", "stageLength"]),
  gstack: oneGrowth("gstack", { kind: "gstack" }, ["growthFactor"]),
  midas: plain({ kind: "midas", copied: "middle" }, MIDAS_FLAGS),
  gradstack: plain({ kind: "midas", copied: "last" }, MIDAS_FLAGS),
  lidas: plain({ kind: "midas", copied: "centre" }, MIDAS_FLAGS),
  "one-layer": oneGrowth("one-layer", { kind: "one-layer" }, ["newLayers", "optimizerAtGrowth"]),
  "zero-layer": oneGrowth("zero-layer", { kind: "one-layer", layers: 0 }, []),
};

export const RECIPES = Object.keys(NAMED);

/** Adds the options that mean something to these recipes, except those left out. */
export function addRecipeOptions(
  command: Command,
  { recipes = RECIPES, except = [] }: { recipes?: readonly string[]; except?: readonly RecipeFlag[] } = {},
): Command {
  const known = new Set<string>(recipes.flatMap((recipe) => named(recipe).flags));
  for (const flag of except) known.delete(flag);
  for (const option of options()) {
    if (known.has(option.attributeName())) command.addOption(option.helpGroup("Options of recipes:"));
  }
  return command;
}

const options = (): Option[] => [
  parsed("--stages <list>", "unique layers N of each stage, the last is L (1,3,6,12)", parseList(parseWhole)),
  parsed("--boundaries <list>", "where stages end, as fractions of the steps (.05,.1,.25)", parseList(parseNumber)),
  new Option("--map <name>", "which weight each position uses").choices(LAYER_MAPS),
  new Option("--lvps <variant>", "how LVPS becomes an integer").choices(LVPS_VARIANTS),
  new Option("--es <variant>", "how ES becomes an integer").choices(ES_VARIANTS),
  parsed("--k <k>", "the sampler's k (LVPS 0, ES 10)", parseNumber),
  new Option("--optimizer-at-growth <policy>", "what becomes of Adam's moments").choices(OPTIMIZER_POLICIES),
  new Option("--shared-gradient <kind>", "how a shared layer combines its uses").choices(["sum", "mean"]),
  new Option("--depth-draw <per>", "how often a depth is drawn").choices(["step", "microbatch"]),
  new Option("--stack-learning-rate <kind>", "of stackbert: the run's schedule, or the published pieces").choices(
    STACKBERT_RATES,
  ),
  parsed("--growth-factor <g>", "how often gstack stacks the small model (4)", parseCount),
  parsed("--block-layers <n>", "layers that each stage of midas, gradstack, lidas, mslt adds (a quarter)", parseCount),
  parsed("--alpha <α>", "stage i of midas, gradstack, lidas lasts ∝ i^α (1)", parseNumber),
  parsed("--stage-length <share>", "of the run, for each stage of mslt (.1)", parseNumber),
  parsed("--unit-layers <n>", "layers of the unit that swe-f, swe-a, swe-m, albert repeat (1)", parseCount),
  new Option("--new-layers <kind>", "what one-layer expands with").choices(NEW_LAYERS),
  parsed(
    "--path-lengths <list>",
    "expected layers of raptr's paths, stage by stage (6,8,10,12 of 12)",
    parseList(parseNumber),
  ),
  new Option("--branch-scale <kind>", "raptr's factor on branches that run: 1/p, its root, 1").choices(RAPTR_SCALES),
  new Option("--small-run <folder>", "the finished run of a small model to begin from"),
  parsed("--small-hidden <d>", "or its hidden size: it is trained first", parseCount),
  parsed("--small-heads <n>", "its attention heads", parseCount),
  parsed("--small-layers <n>", "its layers (those of the large model)", parseCount),
  parsed("--small-steps <n>", "its updates (those of the large model)", parseCount),
  parsed("--small-learning-rate <lr>", "its largest learning rate (that of the large model)", parseNumber),
  parsed(
    "--ramp-length <share>",
    "how much of the run the mask of a growing dimension takes from 0 to 1 (.05)",
    parseNumber,
  ),
  new Option("--width-map <name>", "which units bert2bert copies").choices(WIDTH_MAPS),
  parsed(
    "--prefix-share <fraction>",
    "bert2BERT's first stage, which trains prefixes (0; published .125)",
    parseNumber,
  ),
  parsed("--prefix-layers <n>", "prefixes have multiples of it, and so many layers learn (a quarter)", parseCount),
  parsed("--noise <share>", "of each tensor's deviation, which net2net adds (.01)", parseNumber),
  new Option("--depth-copies <place>", "where staged puts the copies of layers").choices(DEPTH_COPIES),
  parsed("--restart-share <fraction>", "how much of the schedule is over where staged begins (.03)", parseNumber),
  parsed("--operator-steps <n>", "updates of the operator of ligo and mango (100)", parseCount),
  parsed("--operator-learning-rate <lr>", "its largest learning rate (1e-3)", parseNumber),
  new Option("--depth-map <name>", "the layer map that it begins with").choices(LAYER_MAPS),
  parsed("--rank <R>", "of mango's ring (1)", parseCount),
];

const parsed = (flags: string, description: string, parse: (text: string) => unknown) =>
  new Option(flags, description).argParser(parse);

function named(recipe: string): NamedRecipe {
  if (!Object.hasOwn(NAMED, recipe)) throw new Error(`there is no recipe "${recipe}"; there are ${RECIPES.join(", ")}`);
  return NAMED[recipe];
}

/** @throws naming an option that is given and means nothing to any of the recipes. */
export function refuseMeaningless(flags: RecipeFlags, recipes: readonly string[]): void {
  const known = new Set(recipes.flatMap((recipe) => named(recipe).flags));
  const every = Object.values(NAMED).flatMap((recipe) => recipe.flags);
  const unused = every.find((flag) => flags[flag] !== undefined && !known.has(flag));
  if (unused === undefined) return;
  const option = `--${unused.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${flags[unused]}`;
  throw new Error(
    `${option} means nothing to ${recipes.length === 1 ? "the recipe" : "any of the recipes"} ${recipes.join(", ")}`,
  );
}

/** The recipe that a name and the options describe; those of other recipes are passed over. @throws for an unknown name. */
export function recipeOf(name: string, flags: RecipeFlags, layers: number): RecipeInput {
  const { flags: own, toInput } = named(name);
  const given = Object.fromEntries(own.filter((flag) => flags[flag] !== undefined).map((flag) => [flag, flags[flag]]));
  return toInput(given, layers) as RecipeInput;
}
