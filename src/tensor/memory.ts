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

interface FreeBlock {
  address: number;
  size: number;
}

export class Memory {
  readonly memory: WebAssembly.Memory;
  readonly isShared: boolean;
  /** Bytes in buffers that are in use now. */
  liveBytes = 0;
  /** The largest `liveBytes` since the last {@link resetPeak}. */
  peakBytes = 0;
  /** When set, released bytes are overwritten with NaN, so that a stale view cannot go unnoticed. */
  poison = false;

  /** End of the part that is or was handed out; what lies above is untouched. */
  #top = RESERVED_LOW_BYTES;
  /** By address; neighbours are joined as soon as both are free, so that there are few and a step fragments nothing. */
  readonly #free: FreeBlock[] = [];

  constructor(options: { shared?: boolean } = {}) {
    this.isShared = options.shared ?? typeof SharedArrayBuffer !== "undefined";
    this.memory = new WebAssembly.Memory({ initial: 2, maximum: MAXIMUM_PAGES, shared: this.isShared });
  }

  /** Bytes taken from the system so far; never shrinks. */
  get reservedBytes(): number {
    return this.memory.buffer.byteLength;
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
   * @throws when 4 GiB do not suffice, and for what is no number of bytes.
   */
  allocate(byteLength: number): number {
    // One NaN here and every later address is NaN.
    if (!Number.isSafeInteger(byteLength) || byteLength < 0)
      throw new Error(`memory: a block of ${byteLength} bytes cannot be allocated`);
    const size = roundUp(byteLength);
    const address = this.#takeFree(size) ?? this.#extend(size);
    this.liveBytes += size;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    return address;
  }

  /** Gives a block back; `byteLength` is what {@link allocate} was asked for. */
  release(address: number, byteLength: number): void {
    const size = roundUp(byteLength);
    this.liveBytes -= size;
    if (this.poison) new Uint32Array(this.buffer, address, size / 4).fill(0x7fffdead);
    this.#putFree(address, size);
  }

  /** Calls `body` with the address of a block that goes back when it returns or throws. */
  lend<Result>(byteLength: number, body: (address: number) => Result): Result {
    const address = this.allocate(byteLength);
    try {
      return body(address);
    } finally {
      this.release(address, byteLength);
    }
  }

  /** The beginning of the smallest free block that is large enough, the lowest of several; null when there is none. */
  #takeFree(size: number): number | null {
    const free = this.#free;
    let best = -1;
    for (let index = 0; index < free.length; index++) {
      const candidate = free[index].size;
      if (candidate < size || (best >= 0 && candidate >= free[best].size)) continue;
      best = index;
      if (candidate === size) break;
    }
    if (best < 0) return null;
    const block = free[best];
    const { address } = block;
    block.address += size;
    block.size -= size;
    if (block.size === 0) free.splice(best, 1);
    return address;
  }

  #putFree(address: number, size: number): void {
    const free = this.#free;
    let index = 0;
    for (let end = free.length; index < end; ) {
      const middle = (index + end) >> 1;
      if (free[middle].address < address) index = middle + 1;
      else end = middle;
    }
    const before = free[index - 1];
    const after = free[index];
    const joinsBefore = before !== undefined && before.address + before.size === address;
    const joinsAfter = after !== undefined && address + size === after.address;
    if (joinsBefore && joinsAfter) {
      before.size += size + after.size;
      free.splice(index, 1);
    } else if (joinsBefore) before.size += size;
    else if (joinsAfter) {
      after.address = address;
      after.size += size;
    } else free.splice(index, 0, { address, size });
    const last = free[free.length - 1];
    if (last.address + last.size !== this.#top) return;
    this.#top = last.address;
    free.pop();
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
