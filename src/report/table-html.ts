/** Text tables as HTML. */

import { escapeHtml } from "./format.ts";
import type { TextTable } from "./suite-table.ts";

/** Columns that fit on a page beside each other. */
const COLUMNS_AT_ONCE = 6;

/** A wide table as several that fit on a page. */
export function parted({ columns, rows, rowHead }: TextTable): TextTable[] {
  const starts = columns.map((_, index) => index).filter((index) => index % COLUMNS_AT_ONCE === 0);
  const part = <Item>(list: readonly Item[], start: number) => list.slice(start, start + COLUMNS_AT_ONCE);
  return starts.map((start) => ({
    rowHead,
    columns: part(columns, start),
    rows: rows.map(({ label, cells }) => ({ label, cells: part(cells, start) })),
  }));
}

export function tableHtml({ rowHead, columns, rows }: TextTable): string {
  const head = columns
    .map(({ head, hint }) => `<th${hint === undefined ? "" : ` title="${escapeHtml(hint)}"`}>${escapeHtml(head)}</th>`)
    .join("");
  const body = rows.map(
    ({ label, cells }) =>
      `<tr><th scope="row">${escapeHtml(label)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`,
  );
  return `<div class="wide"><table><thead><tr><th>${escapeHtml(rowHead)}</th>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}
