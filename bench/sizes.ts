/** The GPTs whose training steps are timed. */

import type { StepSize } from "../src/lab/step-times.ts";

export const GPT_SIZES: readonly StepSize[] = [
  { hidden: 64, layers: 4, heads: 4, context: 32, batch: 8, vocabulary: 256 },
  { hidden: 64, layers: 12, heads: 4, context: 64, batch: 16, vocabulary: 2048 },
  { hidden: 128, layers: 6, heads: 4, context: 64, batch: 16, vocabulary: 2048 },
  { hidden: 128, layers: 12, heads: 4, context: 128, batch: 16, vocabulary: 4096 },
  { hidden: 256, layers: 6, heads: 8, context: 128, batch: 8, vocabulary: 8192 },
];
