/** Folders with the files of tasks, to be spoilt. */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FIXTURES = fileURLToPath(new URL("../fixtures/tasks/", import.meta.url));

/** Where files of a task lie that are written by hand, in the exact format of the official ones. */
export function fixtureFolder(name: string): string {
  return join(FIXTURES, name);
}

/** Calls `use` with a copy of such files in which each file is replaced by what `change` makes of its text; undefined removes it. */
export function withChanged<Result>(
  name: string,
  change: (text: string, file: string) => string | undefined,
  use: (folder: string) => Result,
): Result {
  const folder = mkdtempSync(join(tmpdir(), "task-"));
  try {
    cpSync(fixtureFolder(name), folder, { recursive: true });
    for (const file of readdirSync(folder)) {
      const path = join(folder, file);
      const text = change(readFileSync(path, "utf8"), file);
      if (text === undefined) rmSync(path);
      else writeFileSync(path, text);
    }
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
