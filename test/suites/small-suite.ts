/** A suite small enough for tests: two recipes, two learning rates, two seeds. */

import type { Suite } from "../../src/suites/suite.ts";

export const SMALL: Suite = {
  name: "small",
  title: "A small suite",
  model: { family: "gpt", layers: 4, hidden: 16, heads: 2, context: 16, vocabulary: 300 },
  data: { corpus: "nowhere", validationFraction: 0.2, validationTokens: 256 },
  training: { steps: 24, batch: 4 },
  evaluations: 6,
  learningRates: [1e-3, 4e-3],
  seeds: 2,
  recipes: [
    { label: "scratch", recipe: { kind: "scratch" } },
    { label: "lvps", recipe: { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.5] } },
  ],
};
