/** Cuts one long text into several documents, so that a single file too has something to train on and something to validate on. */

const SMALLEST = 500;
const LARGEST = 10_000;
const WANTED_PARTS = 20;

/**
 * Consecutive parts whose concatenation is the text: about twenty of them, more where that would make parts longer than
 * 10,000 characters, fewer where shorter than 500. Cuts fall after a blank line where one is near, else after a line end, else
 * after a space; text without any is not cut there.
 */
export function cutText(text: string): string[] {
  const size = Math.min(LARGEST, Math.max(SMALLEST, Math.floor(text.length / WANTED_PARTS)));
  const parts: string[] = [];
  let start = 0;
  while (text.length - start >= 2 * size) {
    const end = borderAfter(text, start + size, start + 2 * size);
    if (end === undefined || text.length - end < size) break;
    parts.push(text.slice(start, end));
    start = end;
  }
  if (start < text.length) parts.push(text.slice(start));
  return parts;
}

function borderAfter(text: string, from: number, near: number): number | undefined {
  for (const [border, limit] of [
    ["\n\n", near],
    ["\n", near],
    [" ", text.length],
  ] as const) {
    const found = text.indexOf(border, from);
    if (found >= 0 && found < limit) return found + border.length;
  }
  return undefined;
}
