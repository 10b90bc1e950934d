/** Tables as text: a line is a row, its fields are apart by tabs, and nothing is quoted. */

import { readText } from "../data/files.ts";

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export interface Row {
  /** Counted from 1, as editors do. */
  readonly line: number;
  /** May be fewer or more than there are columns. */
  readonly fields: readonly string[];
}

/**
 * Reads a table. Its first line names the columns, unless `columns` do. Lines end with `\n` or `\r\n`; quotation marks are text
 * like any other; a byte-order mark and blank lines at the end are dropped.
 * @throws naming the file when it is missing, empty or not UTF-8.
 */
export function readTabSeparated(path: string, columns?: readonly string[]): Table {
  const text = readText(path);
  const lines = text.split("\n");
  while (lines.length > 0 && lines.at(-1)!.trim() === "") lines.pop();
  if (lines.length === 0) throw new Error(`${path} is empty`);
  const rows = lines.map((line, index) => ({ line: index + 1, fields: fieldsOf(line) }));
  return columns === undefined ? { columns: rows[0].fields, rows: rows.slice(1) } : { columns, rows };
}

function fieldsOf(line: string): string[] {
  return (line.endsWith("\r") ? line.slice(0, -1) : line).split("\t");
}
