/** Text tables for the terminal. */

import Table from "cli-table3";
import type { TextTable } from "../report/suite-table.ts";

/** One line per row, boxed. */
export function textOf({ rowHead, columns, rows }: TextTable): string {
  const table = new Table({ head: [rowHead, ...columns.map(({ head }) => head)], style: { head: [], border: [] } });
  for (const { label, cells } of rows) table.push([label, ...cells]);
  return table.toString();
}
