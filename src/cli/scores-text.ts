/** Scores in a line. */

import type { Scores } from "../finetune/headed-task.ts";

/** 0.912 → "91.2 %" */
export const percentText = (share: number) => `${(100 * share).toFixed(1)} %`;

/** "accuracy 91.2 %, f1 87.0 %" */
export function scoresText(scores: Scores): string {
  return Object.entries(scores)
    .map(([metric, value]) => `${metric} ${percentText(value)}`)
    .join(", ");
}
