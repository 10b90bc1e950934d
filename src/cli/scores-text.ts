/** Scores in a line. */

import type { Scores } from "../finetune/headed-task.ts";

/** "accuracy 91.2 %, f1 87.0 %" */
export function scoresText(scores: Scores): string {
  return Object.entries(scores)
    .map(([metric, value]) => `${metric} ${(100 * value).toFixed(1)} %`)
    .join(", ");
}
