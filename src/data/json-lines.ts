/** Documents from JSON Lines: one object per line with the field `text`, and optionally `id` and `genre`. */

import type { Document } from "./document.ts";

/** @throws naming file and line where a line is not such an object. */
export function parseJsonLines(content: string, file: string): Document[] {
  const documents: Document[] = [];
  for (const [index, line] of content.split("\n").entries()) {
    if (line.trim() === "") continue;
    const place = `${file}, line ${index + 1}`;
    const record = parseLine(line, place);
    if (typeof record?.text !== "string")
      throw new Error(`${place}: expected an object with a string field "text", found ${shorten(line)}`);
    documents.push({
      id: typeof record.id === "string" ? record.id : `${file}#${index + 1}`,
      text: record.text,
      ...(typeof record.genre === "string" ? { genre: record.genre } : {}),
    });
  }
  return documents;
}

function parseLine(line: string, place: string): Record<string, unknown> | null {
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
