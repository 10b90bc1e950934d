/** Finds out which arrays lie in the engine's memory, and where. */

import type { Memory } from "./memory.ts";

/** A word of the memory's free first page. */
const PROBE_WORD = 16;

/**
 * The byte address of an array of 4-byte elements in `memory`; −1 when it lies elsewhere or has other elements.
 *
 * A shared memory has had one buffer object for every size that it has grown through, all over the same bytes: arrays
 * on an older one are as good. Such an object is recognised once, by a word that is written here and read there.
 */
export function createAddressOf(memory: Memory): (view: ArrayBufferView) => number {
  const known = new WeakMap<ArrayBufferLike, boolean>();
  let latest: ArrayBufferLike = memory.buffer;
  known.set(latest, true);

  const isOwn = (buffer: ArrayBufferLike): boolean => {
    if (!memory.isShared) {
      if (buffer !== memory.buffer) return false;
      latest = buffer;
      return true;
    }
    let own = known.get(buffer);
    if (own === undefined) {
      own = buffer instanceof SharedArrayBuffer && seesSameBytes(memory.buffer, buffer);
      known.set(buffer, own);
    }
    if (own) latest = buffer;
    return own;
  };

  return (view) => {
    if ((view as Float32Array).BYTES_PER_ELEMENT !== 4) return -1;
    if (view.buffer !== latest && !isOwn(view.buffer)) return -1;
    return view.byteOffset;
  };
}

function seesSameBytes(one: ArrayBufferLike, other: ArrayBufferLike): boolean {
  if (other.byteLength < (PROBE_WORD + 1) * 4) return false;
  const written = new Int32Array(one);
  const seen = new Int32Array(other);
  const before = written[PROBE_WORD];
  written[PROBE_WORD] = before + 1;
  const first = seen[PROBE_WORD] === written[PROBE_WORD];
  written[PROBE_WORD] = before;
  return first && seen[PROBE_WORD] === before;
}
