/** The suites that have names: the experiments of the paper's pre-training figures, and controls that it lacks. */

import { parseExperiment, type RecipeInput } from "../lab/experiment.ts";
import { PRESETS } from "../nn/index.ts";
import { stretchedWithoutSampling } from "./equal-cost.ts";
import type { Suite, SuiteRecipe } from "./suite.ts";

/**
 * Stages of 12 layers, at the paper's BERT fractions: epochs 2, 4 and 10 of 40 [P], for GPT too, so that both families have one
 * schedule (the paper's GPT has the same epochs of 35).
 */
export const FROM_ONE = { stages: [1, 3, 6, 12], boundaries: [0.05, 0.1, 0.25] };

type ApolloInput = Extract<RecipeInput, { kind: "apollo" }>;

/** Apollo with the stages of 12 layers, or with others. */
export const apollo = (
  label: string,
  options: Omit<ApolloInput, "kind" | "stages" | "boundaries"> & Partial<ApolloInput>,
): SuiteRecipe => ({ label, recipe: { ...FROM_ONE, ...options, kind: "apollo" } });

export const SCRATCH: SuiteRecipe = { label: "scratch", recipe: { kind: "scratch" } };
const STACKBERT: SuiteRecipe = { label: "stackbert", recipe: { kind: "stackbert" } };
export const LVPS = apollo("apollo-lvps", { depth: { sampler: "lvps" } });
export const NONE = apollo("apollo-none", { depth: { sampler: "none" } });
const SAMPLED: readonly SuiteRecipe[] = [
  LVPS,
  apollo("apollo-us", { depth: { sampler: "us" } }),
  apollo("apollo-es", { depth: { sampler: "es" } }),
  apollo("apollo-fs", { depth: { sampler: "fs" } }),
  NONE,
];
/** What the paper leaves open of its samplers: how a density becomes an integer, and what the release draws. */
const SAMPLER_VARIANTS: readonly SuiteRecipe[] = [
  apollo("apollo-lvps-release", { depth: { sampler: "lvps", lvps: "release" } }),
  apollo("apollo-lvps-round", { depth: { sampler: "lvps", lvps: "round" } }),
  apollo("apollo-es-release", { depth: { sampler: "es", es: "release" } }),
];
const LVPS_STACKED = apollo("apollo-lvps-stack", { depth: { sampler: "lvps" }, map: "stack" });
const NONE_STACKED = apollo("apollo-none-stack", { depth: { sampler: "none" }, map: "stack" });

/** Depth or sharing that changes with time, from after the paper or beside it. */
const NEWER: readonly SuiteRecipe[] = [
  { label: "swe-f", recipe: { kind: "swe" } },
  { label: "raptr", recipe: { kind: "raptr" } },
  { label: "gstack", recipe: { kind: "gstack" } },
  { label: "midas", recipe: { kind: "midas" } },
  { label: "one-layer", recipe: { kind: "one-layer" } },
];

/** A recipe with the schedule that one-layer expansion brings with it. */
const withWsd = ({ label, ...rest }: SuiteRecipe): SuiteRecipe => ({
  ...{ ...rest, label: `${label}-wsd` },
  schedule: { kind: "wsd", warmupRatio: 0.02, decayRatio: 0.1 },
});

/** Scratch with that schedule, in as many FLOPs as growth saves down to, and as one-layer expansion takes: what an end that comes earlier saves. */
const SHORTER: readonly SuiteRecipe[] = [3400, 2350].map((steps) => ({
  ...withWsd(SCRATCH),
  label: `scratch-wsd-${steps}`,
  steps,
}));

/** The learning rate rises for a tenth of the run, four times as long as the release's [R]. */
export const SLOW_RISE = { kind: "cosine", warmupRatio: 0.1 } as const;

/** Without the stage of one layer, from which paper-gpt's runs often did not recover; stages end where they do otherwise. */
export const FROM_THREE = { stages: [3, 6, 12], boundaries: [0.1, 0.25] };
const APOLLO_FROM_THREE: readonly SuiteRecipe[] = (["lvps", "none"] as const).map((sampler) =>
  apollo(`apollo-${sampler}-from-3`, { ...FROM_THREE, depth: { sampler } }),
);

/** A small trained model to begin from, with the learning rate that was best for Scratch. */
const small = (sizes: { hidden: number; heads: number; layers?: number }) => ({ ...sizes, learningRate: 4e-3 });

/** Recipes of the paper's tables that begin from a small trained model. */
const fromSmall = (small: { hidden: number; heads: number; learningRate: number }): SuiteRecipe[] => {
  return [
    { label: "bert2bert-fpi", recipe: { kind: "bert2bert", knowledge: "fpi", small } },
    { label: "bert2bert-aki", recipe: { kind: "bert2bert", knowledge: "aki", small } },
    { label: "ligo", recipe: { kind: "ligo", small } },
  ];
};

/** What stands in no other suite. @param from small models: narrower than the large one, and less deep. */
const others = (from: Record<"wide" | "deep", ReturnType<typeof small>>): SuiteRecipe[] => [
  { label: "mslt", recipe: { kind: "mslt" } },
  { label: "gradstack", recipe: { kind: "midas", copied: "last" } },
  { label: "lidas", recipe: { kind: "midas", copied: "centre" } },
  { label: "swe-a", recipe: { kind: "swe-adaptive", untying: "all" } },
  { label: "swe-m", recipe: { kind: "swe-adaptive", untying: "split" } },
  { label: "albert", recipe: { kind: "albert" } },
  { label: "zero-layer", recipe: { kind: "one-layer", layers: 0 } },
  { label: "one-layer-random", recipe: { kind: "one-layer", newLayers: "random" } },
  { label: "bert2bert-two-stage", recipe: { kind: "bert2bert", prefixShare: 0.125, small: from.wide } },
  ...(["mango", "net2net", "lemon", "hypercloning", "staged", "msg"] as const).map(
    (kind): SuiteRecipe => ({ label: kind, recipe: { kind, small: from.wide } }),
  ),
  ...(["depth-up-scaling", "lesa"] as const).map(
    (kind): SuiteRecipe => ({ label: kind, recipe: { kind, small: from.deep } }),
  ),
];

/**
 * Small beside the paper's, with its proportions: a vocabulary that gives the head about the weight that it has there, 4.6 layers
 * (GPT-Base 4.5) and, of BERT's head, which reads the masked positions alone, 0.46 (BERT-Base 0.46) (A.10 [D]).
 */
const MINI = { ...PRESETS["gpt-mini"], vocabulary: 4096 };
const BERT_VOCABULARY = 2500;
/** Of the models from which theirs begin: half as wide, or eight of the twelve layers. */
const HALF_WIDTH = small({ hidden: 32, heads: 2 });
const TWO_THIRDS_DEPTH = small({ hidden: MINI.hidden, heads: MINI.heads, layers: 8 });
/** Scratch's best in paper-bert. */
const atBertRate = <Small extends object>(model: Small) => ({ ...model, learningRate: 1e-3 });
const BUDGET = {
  data: { corpus: "brown" },
  training: { steps: 5000, batch: 8 },
  evaluations: 40,
  seeds: 3,
};
const GPT = { model: { family: "gpt", ...MINI }, ...BUDGET, learningRates: [1e-3, 2e-3, 4e-3, 8e-3] } as const;
/** Without the smallest learning rate, which in paper-gpt was best for no recipe. */
const NARROWER = { ...GPT, learningRates: [2e-3, 4e-3, 8e-3] } as const;
/**
 * Masked words are learned only once attention tells positions apart: half as many of them, and the smaller learning rates that post-LN bears
 * (with 2e-3 Scratch stays at the cost of the unigrams).
 */
const BERT = {
  ...BUDGET,
  model: { family: "bert", ...MINI, context: 32, vocabulary: BERT_VOCABULARY },
  training: { ...BUDGET.training, batch: 16 },
  learningRates: [5e-4, 1e-3, 2e-3],
} as const;

/** The suite's own growth alone, as long as its LVPS costs. */
function stretched({ model, data, training }: Pick<Suite, "model" | "data" | "training">): SuiteRecipe {
  const sampled = parseExperiment({
    ...{ name: LVPS.label, model, data, recipe: LVPS.recipe },
    training: { ...training, learningRate: { peak: 1e-3 } },
  });
  return { label: "apollo-none-stretched", ...stretchedWithoutSampling(sampled) };
}

/** Stages of 24 layers: the paper does not state its own [D]. */
const DEEP = { stages: [3, 6, 12, 24] };

export const SUITES: Readonly<Record<string, Suite>> = {
  "paper-gpt": {
    ...GPT,
    name: "paper-gpt",
    title: "Scratch, StackBERT, and Apollo with every sampler and both maps: GPT",
    recipes: [SCRATCH, STACKBERT, ...SAMPLED, LVPS_STACKED, NONE_STACKED],
  },
  "paper-bert": {
    ...BERT,
    name: "paper-bert",
    title: "Scratch, StackBERT, and Apollo with every sampler and both maps: BERT",
    recipes: [SCRATCH, STACKBERT, ...SAMPLED, LVPS_STACKED, NONE_STACKED],
  },
  "bert-rates": {
    ...BERT,
    name: "bert-rates",
    title: "Between the best learning rate of paper-bert and the one that Scratch does not bear: BERT",
    learningRates: [1e-3, 1.4e-3],
    seeds: 1,
    recipes: [SCRATCH, STACKBERT, LVPS, NONE],
  },
  samplers: {
    ...NARROWER,
    name: "samplers",
    title: "Figure 7: depth samplers, and growth alone at the cost of LVPS: GPT",
    // Computed when it is asked for: every command reads the names of suites.
    get recipes() {
      return [SCRATCH, ...SAMPLED, ...SAMPLER_VARIANTS, stretched(NARROWER)];
    },
  },
  controls: {
    ...NARROWER,
    name: "controls",
    title: "What a reader of 2026 asks for beside Apollo: GPT",
    recipes: [SCRATCH, withWsd(SCRATCH), ...SHORTER, LVPS, NONE, ...APOLLO_FROM_THREE, ...NEWER],
  },
  wsd: {
    ...NARROWER,
    name: "wsd",
    title: "With a constant learning rate that decays in the last tenth: GPT",
    recipes: [SCRATCH, STACKBERT, ...APOLLO_FROM_THREE].map(withWsd),
  },
  "warm-up": {
    ...GPT,
    name: "warm-up",
    title: "Where the learning rate rises for a tenth of the run: GPT",
    schedule: SLOW_RISE,
    // Such a rise bears larger ones.
    learningRates: [4e-3, 8e-3, 1.6e-2],
    recipes: [SCRATCH, LVPS, NONE, ...APOLLO_FROM_THREE],
  },
  width: {
    ...NARROWER,
    name: "width",
    title: "From a small trained model: GPT",
    recipes: [SCRATCH, ...fromSmall(HALF_WIDTH)],
  },
  "figure-6-gpt": {
    ...NARROWER,
    name: "figure-6-gpt",
    title: "Figure 6: the recipes of the paper's tables, and newer ones: GPT",
    recipes: [SCRATCH, STACKBERT, ...fromSmall(HALF_WIDTH), LVPS, ...NEWER],
  },
  "figure-6-bert": {
    ...BERT,
    name: "figure-6-bert",
    title: "Figure 6: the recipes of the paper's tables, and newer ones: BERT",
    recipes: [SCRATCH, STACKBERT, ...fromSmall(atBertRate(HALF_WIDTH)), LVPS, ...NEWER],
  },
  "figure-8": {
    ...GPT,
    name: "figure-8",
    title: "Figure 8: twice as deep, and short: GPT",
    model: { family: "gpt", ...MINI, layers: 24 },
    training: { steps: 2500, batch: 8 },
    learningRates: [1e-3, 2e-3, 4e-3],
    recipes: [
      SCRATCH,
      STACKBERT,
      apollo("apollo-lvps", { ...DEEP, depth: { sampler: "lvps" } }),
      apollo("apollo-none", { ...DEEP, depth: { sampler: "none" } }),
    ],
  },
  "rest-gpt": {
    ...GPT,
    name: "rest-gpt",
    title: "Every other recipe, less often: GPT",
    learningRates: [2e-3, 4e-3],
    seeds: 2,
    // Layers that are dropped need pre-LN.
    recipes: [
      ...[SCRATCH, { label: "layer-drop", recipe: { kind: "layer-drop" as const } }],
      ...others({ wide: HALF_WIDTH, deep: TWO_THIRDS_DEPTH }),
    ],
  },
  "rest-bert": {
    ...BERT,
    name: "rest-bert",
    title: "Every other recipe, less often: BERT",
    learningRates: [5e-4, 1e-3],
    seeds: 2,
    recipes: [SCRATCH, ...others({ wide: atBertRate(HALF_WIDTH), deep: atBertRate(TWO_THIRDS_DEPTH) })],
  },
  quick: {
    ...GPT,
    name: "quick",
    title: "Every recipe of the paper's tables, in short: GPT",
    model: { family: "gpt", layers: 12, hidden: 32, heads: 2, context: 32, vocabulary: 1024 },
    training: { steps: 1500, batch: 8 },
    evaluations: 30,
    learningRates: [4e-3],
    seeds: 2,
    recipes: [SCRATCH, STACKBERT, ...fromSmall(small({ hidden: 16, heads: 1 })), ...SAMPLED, LVPS_STACKED],
  },
};
