/** Every task by its name: those that are embedded, those whose official files the user has, and the user's own. */

import { EMBEDDED_TASKS, type EmbeddedTaskName } from "./embedded/embedded-tasks.ts";
import { GLUE_NAMES, GLUE_SOURCE, type GlueName, readGlue } from "./glue.ts";
import { isOwnTask, readOwnTask } from "./own-task.ts";
import { readSquad, SQUAD_SOURCE } from "./squad.ts";
import type { LabelledTask } from "./task.ts";

/** Tasks that come with packages, and need no files. */
export const EMBEDDED_NAMES = Object.keys(EMBEDDED_TASKS) as EmbeddedTaskName[];
/** Tasks whose files the user has: those of GLUE, and both versions of SQuAD. */
export const OFFICIAL_NAMES = [...GLUE_NAMES, "squad"] as const;

/**
 * @param name of an embedded or official task, or a folder of the user's own.
 * @param data the folder of an official task's files.
 * @throws when there is no such task; when an official one has no `data`, saying where its files are; when another has.
 */
export function readTask(name: string, { data }: { data?: string } = {}): LabelledTask {
  if ((OFFICIAL_NAMES as readonly string[]).includes(name)) {
    if (data === undefined)
      throw new Error(
        `the task ${name} needs the folder of its files: ${name === "squad" ? SQUAD_SOURCE : GLUE_SOURCE}`,
      );
    return name === "squad" ? readSquad(data) : readGlue(name as GlueName, data);
  }
  const isEmbedded = Object.hasOwn(EMBEDDED_TASKS, name);
  if (!isEmbedded && !isOwnTask(name)) throw noSuchTask(name);
  if (data !== undefined)
    throw new Error(`the task ${name} does not read a folder of data: ${data} means nothing to it`);
  return isEmbedded ? EMBEDDED_TASKS[name as EmbeddedTaskName]() : readOwnTask(name);
}

function noSuchTask(name: string): Error {
  const names: readonly string[] = [...EMBEDDED_NAMES, ...OFFICIAL_NAMES];
  const near = names.find((known) => known === name.toLowerCase());
  const choice = near ?? `${names.join(", ")}, or a folder with train.jsonl and dev.jsonl`;
  return new Error(`there is no task "${name}": give ${choice}`);
}
