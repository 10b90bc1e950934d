/**
 * The regime: where growth and depth sampling save and where they do not, mapped by changing one thing at a time from a middle. Scratch has
 * the same choice of learning rates at every point.
 */

import { apollo, FROM_ONE, FROM_THREE, SCRATCH, SLOW_RISE } from "./named-suites.ts";
import type { Regime, RegimePoint, Suite, SuiteRecipe } from "./suite.ts";

/** Small enough that a point takes a quarter of an hour on two cores. */
const MODEL: Suite["model"] = { family: "gpt", layers: 12, hidden: 32, heads: 2, context: 32, vocabulary: 1024 };
const STEPS = 6000;
/** A quarter of the usual validation tokens: steps are so cheap here that reading them all would take a third of a run. */
const DATA: Suite["data"] = { corpus: "brown", validationTokens: 16_384 };

type ApolloOptions = Parameters<typeof apollo>[1];

/**
 * Scratch, and both ways of growing: from three layers, since the paper's stage of one, where it goes wrong, decides everything else
 * (docs/results.md), and the map would show nothing but it.
 * @param sampled what concerns only the one that samples.
 */
const grown = (options: ApolloOptions = {}, sampled: ApolloOptions = {}): SuiteRecipe[] => [
  SCRATCH,
  apollo("apollo-none", { ...FROM_THREE, ...options, depth: { sampler: "none" } }),
  apollo("apollo-lvps", { ...FROM_THREE, ...options, depth: { sampler: "lvps" }, ...sampled }),
];

const MIDDLE: Suite = {
  name: "regime",
  title: "Growth with and without sampling",
  model: MODEL,
  data: DATA,
  training: { steps: STEPS, batch: 8 },
  evaluations: 40,
  learningRates: [2e-3, 4e-3, 8e-3],
  seeds: 1,
  recipes: grown(),
};

const point = (axis: string, value: string, changes: Partial<Suite>): RegimePoint => ({
  axis,
  value,
  suite: { ...MIDDLE, ...changes, title: `${axis}: ${value}` },
});

const ofLength = (axis: string, steps: number, changes: Partial<Suite> = {}) =>
  point(axis, `${steps.toLocaleString("en")} steps`, { training: { ...MIDDLE.training, steps }, ...changes });
const lengths = (steps: number, changes?: Partial<Suite>) => ofLength("length", steps, changes);
const lengthsFromOne = (steps: number, changes?: Partial<Suite>) =>
  ofLength("length, from one layer", steps, { recipes: grown(FROM_ONE), ...changes });

const growth = (axis: string, value: string, options: ApolloOptions) => point(axis, value, { recipes: grown(options) });
/** Where only what is drawn differs, or what becomes of it. */
const sampling = (axis: string, value: string, options: ApolloOptions) =>
  point(axis, value, { recipes: grown({}, options) });

/** Where noise is looked at. */
const REPEATED: Partial<Suite> = { seeds: 3 };
/** Of the longest runs, two learning rates. */
const LONG: Partial<Suite> = { learningRates: [2e-3, 4e-3] };

export const REGIME: Regime = {
  name: "regime",
  title: "Where growth saves, and where sampling helps: GPT",
  middle: MIDDLE,
  points: [
    lengths(1500),
    lengths(3000),
    lengths(STEPS, REPEATED),
    lengths(12_000, REPEATED),
    lengths(24_000, LONG),
    lengths(48_000, LONG),
    lengthsFromOne(3000),
    lengthsFromOne(STEPS),
    lengthsFromOne(12_000),
    lengthsFromOne(24_000, LONG),
    ...[1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2].map((rate) => point("learning rate", String(rate), { learningRates: [rate] })),
    point("schedule", "WSD, the last fifth decays", { schedule: { kind: "wsd", decayRatio: 0.2 } }),
    point("schedule", "cosine, a tenth warms up", { schedule: SLOW_RISE }),
    point("normalisation", "post-LN", { model: { ...MODEL, norm: "post" } }),
    // Sums differ from step to step as depths do, and Adam divides all by what they are on average.
    sampling("gradient of a shared layer", "the mean of its uses", { sharedGradient: "mean" }),
    ...[2, 10].map((k) => sampling("k of LVPS", String(k), { depth: { sampler: "lvps", k } })),
    ...(["reset", "copy", "copy_scaled"] as const).map((optimizerAtGrowth) =>
      growth("optimizer at growth", optimizerAtGrowth, { optimizerAtGrowth }),
    ),
    growth("map", "stack", { map: "stack" }),
    growth("stages", "1 | 12 at 25 %", { stages: [1, 12], boundaries: [0.25] }),
    growth("stages", "3 | 12 at 25 %", { stages: [3, 12], boundaries: [0.25] }),
    growth("stages", "6 | 12 at 25 %", { stages: [6, 12], boundaries: [0.25] }),
    growth("boundaries", "5, 12.5 %", { boundaries: [0.05, 0.125] }),
    growth("boundaries", "20, 50 %", { boundaries: [0.2, 0.5] }),
    point("batch", "32 sequences, 1,500 steps", { training: { steps: STEPS / 4, batch: 32 } }),
    point("vocabulary", "512", { model: { ...MODEL, vocabulary: 512 } }),
    point("vocabulary", "4096", { model: { ...MODEL, vocabulary: 4096 } }),
    point("corpus", "State of the Union addresses", { data: { ...DATA, corpus: "sotu" } }),
    point("corpus", "a tenth of Brown, many times", { data: { ...DATA, validationFraction: 0.9 } }),
    point("depth", "24 layers, 3 | 6 | 12 | 24", {
      model: { ...MODEL, layers: 24 },
      recipes: grown({ stages: [3, 6, 12, 24], boundaries: [0.05, 0.1, 0.25] }),
    }),
  ],
};
