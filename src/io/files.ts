/** Reading and writing files whole: a reader never meets a half-written one. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Writes beside the file and renames, so that the old content stays until the new one is complete. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const partial = `${path}.partial-${process.pid}`;
  try {
    makeFolders(dirname(path));
    writeFileSync(partial, content);
    renameSync(partial, path);
  } catch (error) {
    if (existsSync(partial)) rmSync(partial);
    throw new Error(`cannot write ${path}: ${(error as Error).message}`);
  }
}

/** Makes sure that files can be written into a folder, which need not exist, and leaves nothing. @throws naming the folder. */
export function checkWritable(folder: string): void {
  const made: string[] = [];
  try {
    makeFolders(folder, made);
    const probe = join(folder, `.partial-${process.pid}`);
    writeFileSync(probe, "");
    rmSync(probe);
  } catch (error) {
    throw new Error(`cannot write into ${folder}: ${(error as Error).message}`);
  } finally {
    for (const path of made.toReversed()) rmdirSync(path);
  }
}

/**
 * Makes a folder and those above it, and lists those that were not there, the outermost first. Node's own `recursive`
 * never returns where making a folder is answered with "no such file", as below /proc.
 */
function makeFolders(folder: string, made: string[] = []): void {
  const path = resolve(folder);
  if (existsSync(path)) return;
  makeFolders(dirname(path), made);
  try {
    mkdirSync(path);
    made.push(path);
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
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

/** Of a damaged file, the last so many characters are shown: that it was cut off can be seen there. */
const SHOWN_CHARACTERS = 30;

/** What a JSON file holds. @throws naming the file, when it is missing, damaged or no JSON. */
export function readJson(path: string): unknown {
  const text = new TextDecoder().decode(readWhole(path));
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON; it ends with ${JSON.stringify(text.slice(-SHOWN_CHARACTERS))}`);
  }
}
