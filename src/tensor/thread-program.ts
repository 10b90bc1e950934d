/**
 * What the calling thread and its workers have in common: the table of functions, and the block of shared memory
 * through which commands travel.
 *
 * A command is a function and a number of tasks. Its ticket holds the command's number and the next free task; whoever
 * wants to work takes a task by counting the ticket up with compare-and-exchange, which fails when the command is over.
 * So nobody ever waits for a worker that sleeps or that the system has put aside: the others just take its tasks.
 */

import { multiplyBlocks } from "./blocked-matmul.ts";

/** A function of the table: arguments, then the range of units to do, then the address of the thread's scratch. */
export type ThreadFunction = (...numbers: number[]) => void;

/** What a worker is started with. */
export interface ThreadStart {
  memory: WebAssembly.Memory;
  module: WebAssembly.Module | null;
  control: SharedArrayBuffer;
  index: number;
}

/** The TypeScript function of the table; the others are the compiled kernels. */
export const BLOCKED_MATMUL = "blockedMatmul";

/** Slots of the control block, in 32-bit words, on separate cache lines where several threads write. */
export const SLOT = {
  /** The command's number · 256 + the next free task; 255 closes it. */
  ticket: 0,
  done: 16,
  sleepers: 32,
  ready: 33,
  failed: 34,
  function: 48,
  tasks: 49,
  units: 50,
  grain: 51,
  argumentCount: 52,
  scratch: 53,
  scratchBytes: 54,
  memoryPages: 55,
} as const;

const ARGUMENTS_BYTE = 256;
const MAXIMUM_ARGUMENTS = 32;
const ERROR_BYTE = ARGUMENTS_BYTE + MAXIMUM_ARGUMENTS * 8;
const ERROR_BYTES = 512;
export const CONTROL_BYTES = ERROR_BYTE + ERROR_BYTES;

export const CLOSED = 255;
export const MAXIMUM_TASKS = 254;
export const PAGE_BYTES = 65536;

/** The functions that commands can name, in one order for all threads. */
export function functionTable(
  memory: WebAssembly.Memory,
  module: WebAssembly.Module | null,
): { names: string[]; functions: ThreadFunction[]; exports: Record<string, ThreadFunction> } {
  let numbers = new Float32Array(0);
  const view = () => {
    if (numbers.buffer !== memory.buffer) numbers = new Float32Array(memory.buffer as ArrayBuffer);
    return numbers;
  };
  const names = [BLOCKED_MATMUL];
  const functions: ThreadFunction[] = [(...values) => multiplyBlocks(view(), values)];
  let exports: Record<string, ThreadFunction> = {};
  if (module !== null) {
    exports = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, ThreadFunction>;
    for (const { name, kind } of WebAssembly.Module.exports(module)) {
      if (kind !== "function") continue;
      names.push(name);
      functions.push(exports[name]);
    }
  }
  return { names, functions, exports };
}

/** The control block of one pool, seen from one thread. */
export class Control {
  readonly slots: Int32Array;
  readonly arguments: Float64Array;
  readonly #error: Uint8Array;

  constructor(buffer: ArrayBufferLike) {
    this.slots = new Int32Array(buffer, 0, ARGUMENTS_BYTE / 4);
    this.arguments = new Float64Array(buffer, ARGUMENTS_BYTE, MAXIMUM_ARGUMENTS);
    this.#error = new Uint8Array(buffer, ERROR_BYTE, ERROR_BYTES);
  }

  /** Takes a task of command `number`; −1 when there is none left or another command has begun. */
  take(number: number, tasks: number): number {
    const { slots } = this;
    for (;;) {
      const ticket = Atomics.load(slots, SLOT.ticket);
      const task = ticket & 255;
      if (ticket >>> 8 !== number || task >= tasks) return -1;
      if (Atomics.compareExchange(slots, SLOT.ticket, ticket, ticket + 1) === ticket) return task;
    }
  }

  writeError(error: unknown): void {
    // TextEncoder.encodeInto refuses shared memory.
    const text = new TextEncoder().encode(error instanceof Error ? error.message : String(error));
    this.#error.fill(0);
    this.#error.set(text.subarray(0, ERROR_BYTES - 1));
    Atomics.store(this.slots, SLOT.failed, 1);
  }

  readError(): string {
    const bytes = this.#error.slice();
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }
}

/** Does tasks of a command until none is left: runs `call` with the range of units of each. */
export function workOff(
  control: Control,
  number: number,
  tasks: number,
  units: number,
  grain: number,
  call: (begin: number, end: number) => void,
): void {
  const grains = Math.ceil(units / grain);
  for (;;) {
    const task = control.take(number, tasks);
    if (task < 0) return;
    try {
      const begin = Math.floor((grains * task) / tasks) * grain;
      const end = Math.min(units, Math.floor((grains * (task + 1)) / tasks) * grain);
      if (begin < end) call(begin, end);
    } catch (error) {
      control.writeError(error);
    }
    Atomics.add(control.slots, SLOT.done, 1);
  }
}

const pauseOf = (Atomics as { pause?: () => void }).pause;

/** Tells the processor that this is a waiting loop, where JavaScript can say so. */
export const pause: () => void = pauseOf === undefined ? () => {} : () => pauseOf();
