/** The tasks that come with npm packages and run without any download. */

import type { LabelledTask } from "../task.ts";
import { brownGenreTask } from "./brown-genre.ts";
import { brownTagsTask } from "./brown-tags.ts";
import { factbookTask } from "./factbook.ts";
import { sameSenseTask } from "./same-sense.ts";
import { sentimentTask } from "./sentiment.ts";
import { spamTask } from "./spam.ts";

/** The embedded tasks by name; each throws a sentence with `npm install …` where its package is not installed. */
export const EMBEDDED_TASKS = {
  sentiment: sentimentTask,
  "brown-genre": brownGenreTask,
  "brown-tags": brownTagsTask,
  spam: () => spamTask(),
  "same-sense": sameSenseTask,
  factbook: factbookTask,
} as const satisfies Record<string, () => LabelledTask>;

export type EmbeddedTaskName = keyof typeof EMBEDDED_TASKS;
