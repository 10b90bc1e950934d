/** A fixed set of threads that share the engine's memory and split the work of one kernel at a time. */

import { platform } from "./current-platform.ts";
import type { Memory } from "./memory.ts";
import type { StartedWorker } from "./platform.ts";
import {
  CLOSED,
  CONTROL_BYTES,
  Control,
  functionTable,
  MAXIMUM_TASKS,
  PAGE_BYTES,
  pause,
  SLOT,
  type ThreadFunction,
  type ThreadStart,
  workOff,
} from "./thread-program.ts";

/**
 * Work that is over sooner than this, in estimated nanoseconds on one thread, is not shared. Measured on two cores of an
 * EPYC, the worker awake: a call of nothing takes 0.04 µs alone and 0.23 µs shared (0.4 in 4 tasks, 1.0 in 8), but what one
 * core wrote must come to the other. Two threads took 2.6 µs for 2.4 µs of GELU, 4.4 for 4.7, 6.9 for 9.3, 11.6 for 18.6;
 * for 5.4 µs of addition, which is all memory, 5.2.
 */
const INLINE_NANOSECONDS = 8000;
/** A task is at least this long, so that taking it costs little. */
const TASK_NANOSECONDS = 2000;
/**
 * More tasks than threads let the faster threads take over from one that is held up, but they scatter neighbouring rows
 * over the cores' caches, and matrix products pack anew for each: so only long work is cut further. Measured with four
 * tasks per thread throughout, whole steps took 7 to 14 % longer at d=64 L=4, 6 % at d=64 L=12.
 */
const MOST_TASKS_PER_THREAD = 4;
/**
 * What long work is cut into, at the finest. Measured on two cores at d=128 L=6, 40 rounds by turns: with a half of that
 * steps took 5 % longer; without any such cut as long, and 2 % longer, within the noise, beside a program that keeps one
 * core busy.
 */
const LONG_TASK_NANOSECONDS = 400_000;
/** From then on the calling thread naps between looks, where it may: the core may be needed by who is awaited. */
const PATIENCE_MS = 1;
const NAP_MS = 0.05;
/** Holds what a matrix product packs; attention over long texts asks for more. */
const FIRST_SCRATCH_BYTES = 1 << 20;

export interface ThreadPoolOptions {
  memory: Memory;
  /** The compiled kernels; null for the TypeScript ones alone. */
  module: WebAssembly.Module | null;
  /** Threads including the calling one. Without shared memory there is only that. */
  threads: number;
  /** Work of fewer estimated nanoseconds is not shared; tests set 0. */
  inlineNanoseconds?: number;
}

export class ThreadPool {
  /** Threads including the calling one. */
  readonly threads: number;
  /** The compiled module's functions, for calls that are not shared. */
  readonly exports: Record<string, ThreadFunction>;
  readonly #inlineNanoseconds: number;
  readonly #memory: Memory;
  readonly #module: WebAssembly.Module | null;
  readonly #indexByName: Map<string, number>;
  readonly #functions: ThreadFunction[];
  readonly #control: Control;
  readonly #buffer: ArrayBufferLike;
  #workers: StartedWorker[] | null = null;
  #startError: Error | null = null;
  #number = 0;
  #scratch = 0;
  #scratchBytes = 0;
  #isTerminated = false;

  constructor({ memory, module, threads, inlineNanoseconds = INLINE_NANOSECONDS }: ThreadPoolOptions) {
    this.#inlineNanoseconds = inlineNanoseconds;
    this.threads = memory.isShared ? threads : 1;
    this.#memory = memory;
    this.#module = module;
    this.#buffer = memory.isShared ? new SharedArrayBuffer(CONTROL_BYTES) : new ArrayBuffer(CONTROL_BYTES);
    this.#control = new Control(this.#buffer);
    const { names, functions, exports } = functionTable(memory.memory, module);
    this.#functions = functions;
    this.exports = exports;
    this.#indexByName = new Map(names.map((name, index) => [name, index]));
    this.#control.slots[SLOT.ticket] = CLOSED;
  }

  /** Threads that are working by now: workers start while the program goes on, and until then it does their share. */
  get runningThreads(): number {
    return 1 + Atomics.load(this.#control.slots, SLOT.ready);
  }

  /**
   * Starts the workers, if that has not happened yet, and waits until all of them work.
   * @throws when one cannot be started.
   */
  async ready(): Promise<void> {
    this.#start();
    while (this.runningThreads < this.threads) {
      if (this.#startError !== null) throw this.#startError;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Ends the workers and gives the scratch back: whatever is asked of the pool afterwards is refused. */
  terminate(): void {
    this.#isTerminated = true;
    for (const worker of this.#workers ?? []) worker.terminate();
    this.#workers = [];
    Atomics.store(this.#control.slots, SLOT.ready, 0);
    if (this.#scratchBytes > 0) this.#memory.release(this.#scratch, this.threads * this.#scratchBytes);
    this.#scratchBytes = 0;
  }

  /** Into how many tasks work of this estimated length is best cut: 1 when it is not shared. */
  partsFor(nanoseconds: number): number {
    if (nanoseconds <= this.#inlineNanoseconds || this.threads === 1) return 1;
    this.#start();
    const running = this.runningThreads;
    if (running === 1) return 1;
    // A pool that is to share everything cuts it finely too.
    const scale = this.#inlineNanoseconds / INLINE_NANOSECONDS;
    const longTasks = Math.floor(nanoseconds / (LONG_TASK_NANOSECONDS * scale));
    return Math.min(
      running * Math.min(MOST_TASKS_PER_THREAD, Math.max(1, Math.floor(longTasks / running))),
      Math.ceil(nanoseconds / (TASK_NANOSECONDS * scale)),
      MAXIMUM_TASKS,
    );
  }

  /** The function of this name as {@link run} wants it. @throws when there is none. */
  indexOf(name: string): number {
    const index = this.#indexByName.get(name);
    if (index === undefined) throw new Error(`there is no kernel called "${name}"`);
    return index;
  }

  /** Bytes of scratch that every thread has where no call needs more than this. */
  scratchBytesFor(sizeBytes: number): number {
    return Math.max(FIRST_SCRATCH_BYTES, Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES);
  }

  /** Makes sure that every thread has this much scratch. */
  reserveScratch(sizeBytes: number): void {
    this.#refuseAfterEnd();
    if (sizeBytes <= this.#scratchBytes) return;
    if (this.#scratchBytes > 0) this.#memory.release(this.#scratch, this.threads * this.#scratchBytes);
    this.#scratchBytes = this.scratchBytesFor(sizeBytes);
    this.#scratch = this.#memory.allocate(this.threads * this.#scratchBytes);
    for (let thread = 0; thread < this.threads; thread++) {
      // Kernels start sums from the zeros at the beginning of their scratch.
      new Float32Array(this.#memory.buffer as ArrayBuffer, this.#scratch + thread * this.#scratchBytes, 16).fill(0);
    }
  }

  /**
   * Calls function `index` with `given` and a range of units, on this thread alone or split over all: every unit once.
   * Ranges begin at multiples of `grain`. Returns when everything is done.
   * @param nanoseconds estimate for one thread, which decides whether and how finely the work is split.
   * @throws what a thread threw, and after {@link terminate}.
   */
  run(index: number, given: readonly number[], units: number, grain: number, nanoseconds: number): void {
    // Without units a kernel's sizes may be 0, by which it must not divide.
    if (units === 0) return;
    this.#refuseAfterEnd();
    const tasks = units <= grain ? 1 : Math.min(Math.ceil(units / grain), this.partsFor(nanoseconds));
    if (tasks === 1) this.#functions[index](...given, 0, units, this.#scratch);
    else this.#share(index, given, units, grain, tasks);
  }

  #refuseAfterEnd(): void {
    if (this.#isTerminated) throw new Error("this kernel's engine was closed, and its memory serves others by now");
  }

  #share(index: number, given: readonly number[], units: number, grain: number, tasks: number): void {
    const control = this.#control;
    const { slots } = control;
    // Exchange, not store: nothing written below may become visible before the old command is closed.
    Atomics.exchange(slots, SLOT.ticket, (this.#number << 8) | CLOSED);
    slots[SLOT.function] = index;
    slots[SLOT.tasks] = tasks;
    slots[SLOT.units] = units;
    slots[SLOT.grain] = grain;
    slots[SLOT.argumentCount] = given.length;
    slots[SLOT.scratch] = this.#scratch;
    slots[SLOT.scratchBytes] = this.#scratchBytes;
    slots[SLOT.memoryPages] = this.#memory.reservedBytes / PAGE_BYTES;
    for (let i = 0; i < given.length; i++) control.arguments[i] = given[i];
    Atomics.store(slots, SLOT.done, 0);
    this.#number = (this.#number + 1) & 0xffffff;
    Atomics.store(slots, SLOT.ticket, this.#number << 8);
    if (Atomics.load(slots, SLOT.sleepers) > 0) Atomics.notify(slots, SLOT.ticket);
    const call = this.#functions[index];
    const scratch = this.#scratch;
    workOff(control, this.#number, tasks, units, grain, (begin, end) => call(...given, begin, end, scratch));
    this.#await(tasks);
    if (Atomics.exchange(slots, SLOT.failed, 0) !== 0) throw new Error(control.readError());
  }

  #await(tasks: number): void {
    const { slots } = this.#control;
    let since = 0;
    for (let turn = 1; ; turn++) {
      const done = Atomics.load(slots, SLOT.done);
      if (done === tasks) return;
      pause();
      if ((turn & 255) !== 0) continue;
      const now = performance.now();
      if (since === 0) since = now;
      else if (now - since > PATIENCE_MS && platform.mayWait()) Atomics.wait(slots, SLOT.done, done, NAP_MS);
    }
  }

  #start(): void {
    if (this.#workers !== null) return;
    this.#workers = [];
    for (let index = 1; index < this.threads; index++) {
      const start = { memory: this.#memory.memory, module: this.#module, control: this.#buffer, index };
      this.#workers.push(platform.startWorker(start as ThreadStart, (error) => this.#onWorkerError(error)));
    }
  }

  /** The work goes on without a thread that does not start: results do not depend on it. */
  #onWorkerError(error: Error): void {
    if (this.#startError === null) console.warn(`a thread of the engine could not be started: ${error.message}`);
    this.#startError = error;
  }
}
