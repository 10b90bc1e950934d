/** Files of known tasks, which cannot come with the program: where one is missing, the error says where. */

import { kindOfPath } from "../data/files.ts";

/** The path itself. @throws naming it when no file is there, with `source`, which says where such files are got. */
export function officialFile(path: string, source: string): string {
  if (kindOfPath(path) !== "file") throw new Error(`there is no file ${path}; ${source}`);
  return path;
}
