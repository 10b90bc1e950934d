/**
 * One WebAssembly.Memory for every buffer of the engine, and the pool that hands out its bytes.
 *
 * All kernel sets and all threads work on the same bytes. The memory is shared where SharedArrayBuffer exists and
 * unshared where it does not. Addresses are unsigned: the whole 4 GiB can be used.
 */

const PAGE_BYTES = 65536;
/** Cache-line alignment; also keeps every f64 and SIMD access aligned. */
const ALIGNMENT = 64;
/** Growing in steps of 1 MiB keeps the number of growths of a training run in the hundreds. */
const GROWTH_PAGES = 16;
const MAXIMUM_PAGES = 65536;

/** The most bytes that the engine can ever hold: 4 GiB, the limit of 32-bit addresses. */
export const MAXIMUM_BYTES = MAXIMUM_PAGES * PAGE_BYTES;

/** The first page stays free, so that address 0 never belongs to a buffer. */
const RESERVED_LOW_BYTES = PAGE_BYTES;

export class Memory {
  readonly memory: WebAssembly.Memory;
  readonly isShared: boolean;
  /** Bytes in buffers that are in use now. */
  liveBytes = 0;
  /** The largest `liveBytes` since the last {@link resetPeak}. */
  peakBytes = 0;
  /** When set, released bytes are overwritten with NaN, so that a stale view cannot go unnoticed. */
  poison = false;

  /** End of the part that was ever handed out. */
  #top = RESERVED_LOW_BYTES;
  /** Free blocks by exact size: what a training step frees, the next step asks for again. */
  readonly #freeBySize = new Map<number, number[]>();
  #freeBytes = 0;

  constructor(options: { shared?: boolean } = {}) {
    this.isShared = options.shared ?? typeof SharedArrayBuffer !== "undefined";
    this.memory = new WebAssembly.Memory({ initial: 2, maximum: MAXIMUM_PAGES, shared: this.isShared });
  }

  /** Bytes taken from the system so far; never shrinks. */
  get reservedBytes(): number {
    return this.memory.buffer.byteLength;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** The buffer as it is now: an unshared memory replaces it at every growth. */
  get buffer(): ArrayBufferLike {
    return this.memory.buffer;
  }

  resetPeak(): void {
    this.peakBytes = this.liveBytes;
  }

  /**
   * Takes a block of at least `byteLength` bytes.
   * @returns its address, a multiple of 64.
   * @throws when 4 GiB do not suffice.
   */
  allocate(byteLength: number): number {
    const size = roundUp(byteLength);
    const address = this.#freeBySize.get(size)?.pop();
    if (address !== undefined) {
      this.#freeBytes -= size;
      return this.#handOut(address, size);
    }
    return this.#handOut(this.#allocateSlowly(size), size);
  }

  /** Gives a block back; `byteLength` is what {@link allocate} was asked for. */
  release(address: number, byteLength: number): void {
    const size = roundUp(byteLength);
    this.liveBytes -= size;
    if (this.poison) new Uint32Array(this.buffer, address, size / 4).fill(0x7fc0dead);
    this.#putFree(address, size);
  }

  #handOut(address: number, size: number): number {
    this.liveBytes += size;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    return address;
  }

  #allocateSlowly(size: number): number {
    const fromFree = this.#takeFromLarger(size);
    if (fromFree !== null) return fromFree;
    if (this.#freeBytes >= size) {
      this.#mergeNeighbours();
      const merged = this.#takeFromLarger(size);
      if (merged !== null) return merged;
    }
    return this.#extend(size);
  }

  /** Splits the smallest free block that is large enough; null when there is none. */
  #takeFromLarger(size: number): number | null {
    let best = Number.POSITIVE_INFINITY;
    for (const [candidate, addresses] of this.#freeBySize) {
      if (addresses.length > 0 && candidate >= size && candidate < best) best = candidate;
    }
    if (best === Number.POSITIVE_INFINITY) return null;
    const address = this.#freeBySize.get(best)!.pop()!;
    this.#freeBytes -= best;
    if (best > size) this.#putFree(address + size, best - size);
    return address;
  }

  #putFree(address: number, size: number): void {
    const addresses = this.#freeBySize.get(size);
    if (addresses === undefined) this.#freeBySize.set(size, [address]);
    else addresses.push(address);
    this.#freeBytes += size;
  }

  /** Joins adjacent free blocks; a free block at the very top goes back to the untouched part. */
  #mergeNeighbours(): void {
    const blocks: [address: number, size: number][] = [];
    for (const [size, addresses] of this.#freeBySize) for (const address of addresses) blocks.push([address, size]);
    blocks.sort((a, b) => a[0] - b[0]);
    this.#freeBySize.clear();
    this.#freeBytes = 0;
    let start = 0;
    let length = 0;
    for (const [address, size] of blocks) {
      if (start + length === address) length += size;
      else {
        if (length > 0) this.#putFree(start, length);
        start = address;
        length = size;
      }
    }
    if (length > 0) {
      if (start + length === this.#top) this.#top = start;
      else this.#putFree(start, length);
    }
  }

  #extend(size: number): number {
    const address = this.#top;
    const end = address + size;
    if (end > this.reservedBytes) {
      const missing = Math.ceil((end - this.reservedBytes) / PAGE_BYTES);
      const left = MAXIMUM_PAGES - this.reservedBytes / PAGE_BYTES;
      if (missing > left || !this.#grow(Math.min(left, Math.ceil(missing / GROWTH_PAGES) * GROWTH_PAGES), missing)) {
        throw new Error(
          `out of memory: ${size} bytes were asked for while ${this.liveBytes} of at most ${MAXIMUM_BYTES} are in use; ` +
            "wrap repeated work in scope(() => …) so that its tensors are given back when it ends",
        );
      }
    }
    this.#top = end;
    return address;
  }

  #grow(wished: number, needed: number): boolean {
    for (const pages of [wished, needed]) {
      try {
        this.memory.grow(pages);
        return true;
      } catch {
        // The system may refuse the comfortable step and still grant the exact one.
      }
    }
    return false;
  }
}

function roundUp(byteLength: number): number {
  return Math.max(ALIGNMENT, Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT);
}

/** The engine's memory: there is one. */
export const memory = new Memory();
