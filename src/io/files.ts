/** Reading files whole or in pieces, and writing them so that a reader never meets a half-written one. */

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";

export { join } from "node:path";

/** Whether there is a file or folder of that path. */
export const exists = (path: string): boolean => existsSync(path);

/** Writes beside the file and renames, so that the old content stays until the new one is complete. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  writeInPieces(path, [typeof content === "string" ? new TextEncoder().encode(content) : content]);
}

/** {@link writeWhole} of pieces one after another; each is written before the next is asked for. */
export function writeInPieces(path: string, pieces: Iterable<Uint8Array>): void {
  const partial = `${path}.partial-${process.pid}`;
  try {
    makeFolders(dirname(path));
    const file = openSync(partial, "w");
    try {
      for (const piece of pieces) {
        for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done);
      }
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (error) {
    if (existsSync(partial)) rmSync(partial);
    throw new Error(`cannot write ${path}: ${(error as Error).message}`);
  }
}

/** A file that is read in pieces. */
export interface OpenFile {
  readonly byteLength: number;
  /** Fills `into` with the bytes from `position` on. @throws naming the file, when it ends before. */
  read(into: Uint8Array, position: number): void;
  /** A second time does nothing. */
  close(): void;
}

/** Node reads at most 2 GiB at once. */
const LARGEST_READ = 2 ** 30;

/** Opens a file; it stays the same one even if another takes its name meanwhile. @throws naming the file. */
export function openForReading(path: string): OpenFile {
  const fail = (error: unknown): never => {
    throw cannotRead(path, error);
  };
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const status = fstatSync(file);
    if (!status.isFile()) throw new Error("it is no file that can be read in pieces");
    return {
      byteLength: status.size,
      read(into, position) {
        if (file === undefined) return fail(new Error("it was closed"));
        try {
          for (let done = 0; done < into.length; ) {
            const count = readSync(file, into, done, Math.min(LARGEST_READ, into.length - done), position + done);
            if (count === 0) throw new Error(`it ends after ${position + done} bytes`);
            done += count;
          }
        } catch (error) {
          fail(error);
        }
      },
      close() {
        if (file !== undefined) closeSync(file);
        file = undefined;
      },
    };
  } catch (error) {
    if (file !== undefined) closeSync(file);
    return fail(error);
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
    try {
      for (const path of made.toReversed()) rmdirSync(path);
    } catch {
      // Another process has put something there meanwhile, so that the folder stays.
    }
  }
}

/** Makes sure that a file can be written, or written anew. @throws naming it. */
export function checkReplaceable(path: string): void {
  if (isFolder(path)) throw new Error(`cannot write ${path}: it is a folder`);
  checkWritable(dirname(path));
}

/**
 * Makes a folder and those above it, and lists those that were not there, the outermost first. Node's own `recursive`
 * never returns where making a folder is answered with "no such file", as below /proc.
 */
export function makeFolders(folder: string, made: string[] = []): void {
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
    throw cannotRead(path, error);
  }
}

function cannotRead(path: string, error: unknown): Error {
  if (!existsSync(path)) return new Error(`there is no file ${path}`);
  return new Error(
    isFolder(path) ? `${path} is a folder, not a file` : `cannot read ${path}: ${(error as Error).message}`,
  );
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

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
