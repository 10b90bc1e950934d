/** Ends a text that comes in pieces before the first of some texts. */

/**
 * Hands on pieces until one of the `stops` is complete, and of that one nothing: what might be the beginning of one is held back
 * until it is decided. Where two are complete at once, the longer one counts. How the text is cut into pieces changes nothing.
 * @throws at once, for an empty stop.
 */
export function untilStop(pieces: Iterable<string>, stops: readonly string[]): Generator<string> {
  if (stops.includes("")) throw new Error("a text that ends the output must not be empty");
  return stopped(pieces, stops);
}

function* stopped(pieces: Iterable<string>, stops: readonly string[]): Generator<string> {
  let held = "";
  for (const piece of pieces) {
    held += piece;
    const start = startOfFirst(held, stops);
    if (start !== null) {
      if (start > 0) yield held.slice(0, start);
      return;
    }
    const sure = held.length - openLength(held, stops);
    if (sure > 0) yield held.slice(0, sure);
    held = held.slice(sure);
  }
  if (held !== "") yield held;
}

/** Where the stop begins that is complete first; null where none is. */
function startOfFirst(text: string, stops: readonly string[]): number | null {
  let first: { start: number; end: number } | null = null;
  for (const stop of stops) {
    const start = text.indexOf(stop);
    const end = start + stop.length;
    if (start < 0) continue;
    if (first === null || end < first.end || (end === first.end && start < first.start)) first = { start, end };
  }
  return first?.start ?? null;
}

/** The length of the longest end of a text that a stop begins with. */
function openLength(text: string, stops: readonly string[]): number {
  const longest = Math.max(0, ...stops.map((stop) => stop.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (stops.some((stop) => stop.startsWith(end))) return length;
  }
  return 0;
}
