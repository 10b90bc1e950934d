/** Reading and writing files whole: a reader never meets a half-written one. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes beside the file and renames, so that the old content stays until the new one is complete. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const partial = `${path}.partial-${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(partial, content);
    renameSync(partial, path);
  } catch (error) {
    if (existsSync(partial)) rmSync(partial);
    throw new Error(`cannot write ${path}: ${(error as Error).message}`);
  }
}

/** The content of a file. @throws naming the file. */
export function readWhole(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(existsSync(path) ? `cannot read ${path}: ${(error as Error).message}` : `there is no file ${path}`);
  }
}
