/** JSON Lines: one object per line. Documents are such objects with the field `text`, and optionally `id` and `genre`. */

import type { Document } from "./document.ts";

/** What stands on a line, and where that is. */
export interface JsonLine {
  /** "file, line 3" */
  place: string;
  record: Record<string, unknown>;
  /** As much of the line as an error message can bear. */
  shown: string;
}

/** Every line that is not blank. @throws naming file and line where one is no JSON. */
export function parseLines(content: string, file: string): JsonLine[] {
  return content.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const place = `${file}, line ${index + 1}`;
    // What is no object has none of the fields that are asked for.
    return [{ place, record: { ...parse(line, place) }, shown: shorten(line) }];
  });
}

/** @throws naming file and line where a line is not such an object. */
export function parseJsonLines(content: string, file: string): Document[] {
  return parseLines(content, file).map(({ place, record, shown }) => {
    const { text, id, genre } = record;
    if (typeof text !== "string")
      throw new Error(`${place}: expected an object with a string field "text", found ${shown}`);
    // "file, line 3" is "file#3" as an id.
    const ownId = typeof id === "string" ? id : place.replace(/, line (\d+)$/, "#$1");
    return { id: ownId, text, ...(typeof genre === "string" ? { genre } : {}) };
  });
}

function parse(line: string, place: string): Record<string, unknown> {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`${place}: not valid JSON: ${shorten(line)}`);
  }
}

/** At most so much of a line as an error message can bear. */
export function shorten(line: string): string {
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
