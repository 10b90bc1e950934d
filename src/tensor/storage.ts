/** A block of the engine's memory with an element type, shared by the tensors that are views of it. */

import { memory } from "./memory.ts";

/** f32: numbers; f64: gradient checks; i32: token ids and other indices. */
export type DType = "f32" | "f64" | "i32";

type ViewOf = { f32: Float32Array; f64: Float64Array; i32: Int32Array };

const BYTES = { f32: 4, f64: 8, i32: 4 } as const;

/** Blocks whose storage nobody released are given back when the storage is garbage. */
const abandoned = new FinalizationRegistry<{ address: number; byteLength: number }>(({ address, byteLength }) =>
  memory.release(address, byteLength),
);

/**
 * Storages to be registered with `abandoned` when the running task ends. Registering takes longer than many a kernel, and
 * gradients come and go within a step; nor is anything collected before the task has ended.
 */
let unregistered: Storage[] = [];
/** Then those that live are registered at once, and the others forgotten: a task may train a whole model. */
const MOST_UNREGISTERED = 1024;

function registerAll(): void {
  const storages = unregistered;
  unregistered = [];
  for (const storage of storages) storage.register();
}

export class Storage<T extends DType = DType> {
  readonly dtype: T;
  readonly length: number;
  readonly byteLength: number;
  readonly address: number;
  /** How many tensors and tape nodes use the block; at 0 it goes back to the pool. */
  references = 1;
  #view: ViewOf[T] | null = null;
  #isWatched = false;
  #isRegistered = false;

  /** @throws for an element type that there is none of, and when the memory does not suffice. */
  constructor(dtype: T, length: number) {
    if (!Object.hasOwn(BYTES, dtype)) throw new Error(`tensor: dtype must be f32, f64 or i32, not ${dtype}`);
    this.dtype = dtype;
    this.length = length;
    this.byteLength = length * BYTES[dtype];
    this.address = memory.allocate(this.byteLength);
  }

  /** The elements, seen in place. */
  get view(): ViewOf[T] {
    const view = this.#view;
    if (view !== null && (memory.isShared || view.buffer === memory.buffer)) return view;
    if (this.references === 0) throw new Error("this storage went back to the pool");
    return (this.#view = this.#makeView());
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    if (--this.references > 0) return;
    this.#view = null;
    if (this.#isRegistered) abandoned.unregister(this);
    memory.release(this.address, this.byteLength);
  }

  /** From now on garbage collection gives the block back, if nobody releases it before. */
  watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    if (unregistered.push(this) === 1) queueMicrotask(registerAll);
    else if (unregistered.length > MOST_UNREGISTERED) registerAll();
  }

  /** The second half of {@link watch}. */
  register(): void {
    if (this.references === 0) return;
    this.#isRegistered = true;
    abandoned.register(this, { address: this.address, byteLength: this.byteLength }, this);
  }

  #makeView(): ViewOf[T] {
    const buffer = memory.buffer as ArrayBuffer;
    const { address, length } = this;
    if (this.dtype === "f32") return new Float32Array(buffer, address, length) as ViewOf[T];
    if (this.dtype === "f64") return new Float64Array(buffer, address, length) as ViewOf[T];
    return new Int32Array(buffer, address, length) as ViewOf[T];
  }
}
