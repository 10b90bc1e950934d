/** The engine's choice: which kernels serve, on how many threads, with which vector instructions. */

import { createBlockedKernels } from "./blocked-matmul.ts";
import { chooseVariant, type VariantProbe } from "./choose-variant.ts";
import { platform } from "./current-platform.ts";
import { type AttentionSize, KERNEL_SETS, type KernelSetName, type Kernels } from "./kernels.ts";
import { type Memory, memory } from "./memory.ts";
import { createAddressOf } from "./operand-addresses.ts";
import { referenceKernels } from "./reference-kernels.ts";
import { attentionScratchBytes, createSimdKernels, kernelOrigins, type PanelWidth, panelFor } from "./simd-kernels.ts";
import { compileKernels, possibleVariants, SIMD_VARIANTS, type SimdVariant } from "./simd-module.ts";
import type { DType } from "./storage.ts";
import { ThreadPool, type ThreadPoolOptions } from "./thread-pool.ts";
import { BLOCKED_MATMUL } from "./thread-program.ts";

/** What can be asked of the engine; what is left out is chosen by it. */
export interface EngineOptions {
  /** Default: simd where the engine has WebAssembly SIMD, else blocked. */
  kernels?: KernelSetName;
  /** Threads including the calling one. Default: the processor's cores, at most 16. */
  threads?: number;
  /** Default: the fastest that a probe finds right on this machine, and worth it. */
  variant?: SimdVariant;
}

export interface EngineInfo {
  kernels: KernelSetName;
  /** Null without SIMD kernels. */
  variant: SimdVariant | null;
  /** In the order in which the variants were tried; empty where plain or relaxed was asked for. */
  probes: readonly VariantProbe[];
  threads: number;
  /** Whether memory is shared between threads. */
  shared: boolean;
  /** The kernel set that serves each kernel of f32. */
  origins: Record<keyof Kernels, string>;
}

/** Engines with everything in place; several can be made, for tests and benchmarks. */
export interface Engine extends EngineInfo {
  f32: Kernels;
  /** Bytes of scratch that each thread has for attention of this size and its gradient: 0 where plain loops compute it. */
  attentionScratchBytes(size: AttentionSize): number;
  /** Resolves when all threads work. */
  ready(): Promise<void>;
  /** Ends the threads and gives their scratch back; what kernels with compiled functions are asked to do then is refused. */
  close(): void;
}

/** When work is shared at all: tests share everything. */
type PoolingOptions = Pick<ThreadPoolOptions, "inlineNanoseconds">;

const MOST_THREADS = 16;
const MOST_ASKED_THREADS = 64;

/** Makes an engine on a memory. @throws when an option is not among the possible ones or not available here. */
export function createEngine(options: EngineOptions = {}, on: Memory = memory, pooling: PoolingOptions = {}): Engine {
  const asked = { ...settings(), ...withoutUndefined(options) };
  checkOptions(asked);
  const hasSimd = possibleVariants(on).length > 0;
  const kernels = asked.kernels ?? (hasSimd ? "simd" : "blocked");
  if (kernels === "simd" && !hasSimd) throw new Error("the simd kernels need an engine with WebAssembly SIMD");
  const threads =
    on.isShared && kernels !== "reference" ? (asked.threads ?? Math.min(platform.cores(), MOST_THREADS)) : 1;
  const addressOf = createAddressOf(on);
  const build = (variant: SimdVariant | null) => {
    const module = variant === null ? null : compileKernels(variant, on);
    const pool = new ThreadPool({ memory: on, module, threads, ...pooling });
    const blocked = createBlockedKernels(referenceKernels, pool, addressOf, BLOCKED_MATMUL);
    const simd = (panel: PanelWidth) => createSimdKernels({ memory: on, pool, fallback: blocked, addressOf, panel });
    return { pool, blocked, simd };
  };
  const chosen = kernels === "simd" ? chooseVariant(asked.variant, on, build) : null;
  const parts = chosen?.parts ?? (kernels === "blocked" ? build(null) : null);
  const sets: { name: KernelSetName; kernels: Kernels }[] = [{ name: "reference", kernels: referenceKernels }];
  if (parts !== null) sets.unshift({ name: "blocked", kernels: parts.blocked });
  if (chosen !== null) sets.unshift({ name: "simd", kernels: chosen.parts.simd(panelFor(chosen.variant)) });
  return {
    kernels,
    variant: chosen?.variant ?? null,
    probes: chosen?.probes ?? [],
    threads,
    shared: on.isShared,
    origins: kernelOrigins(sets),
    f32: sets[0].kernels,
    attentionScratchBytes: (size) => (chosen === null ? 0 : attentionScratchBytes(chosen.parts.pool, size)),
    ready: async () => parts?.pool.ready(),
    close: () => parts?.pool.terminate(),
  };
}

/** What APOLLO_KERNELS, APOLLO_THREADS and APOLLO_SIMD say. */
function settings(): EngineOptions {
  const threads = platform.setting("APOLLO_THREADS");
  return withoutUndefined({
    kernels: platform.setting("APOLLO_KERNELS") as KernelSetName | undefined,
    threads: threads === undefined ? undefined : wholeNumber(threads),
    variant: platform.setting("APOLLO_SIMD") as SimdVariant | undefined,
  });
}

/** Number() would take "0x2" and "1e1" as well. */
function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw threadsError(`"${text}"`);
  return Number(text);
}

function threadsError(given: unknown): Error {
  return new Error(`threads (APOLLO_THREADS) must be a whole number from 1 to ${MOST_ASKED_THREADS}, not ${given}`);
}

function withoutUndefined(options: EngineOptions): EngineOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function checkOptions({ kernels, threads, variant }: EngineOptions): void {
  if (kernels !== undefined && !KERNEL_SETS.includes(kernels)) {
    throw new Error(`kernels (APOLLO_KERNELS) must be one of ${KERNEL_SETS.join(", ")}, not "${kernels}"`);
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MOST_ASKED_THREADS)) {
    throw threadsError(threads);
  }
  if (variant !== undefined && !SIMD_VARIANTS.includes(variant)) {
    throw new Error(`the SIMD variant (APOLLO_SIMD) must be one of ${SIMD_VARIANTS.join(", ")}, not "${variant}"`);
  }
}

let engine: Engine | null = null;
/** The engine's kernels of f32 as {@link kernelsFor} hands them out: under observation, if there is any. */
let served: Kernels | null = null;
let observer: KernelObserver | null = null;

function currentEngine(): Engine {
  return (engine ??= createEngine());
}

function serve(): Kernels {
  const { f32 } = currentEngine();
  return (served = observer === null ? f32 : observed(f32, observer));
}

/** The kernels that serve an element type: the reference for f64, those of {@link configureEngine} for f32 (and indices). */
export function kernelsFor(dtype: DType): Kernels {
  if (dtype === "f64") return referenceKernels;
  return served ?? serve();
}

/** Is told of every call of a kernel: runs it by `call`, once. `operands` are the kernel's arguments, layouts among them. */
export type KernelObserver = (name: keyof Kernels, operands: readonly unknown[], call: () => unknown) => unknown;

/** Runs `body` while an observer stands between the operations and the kernels of f32; without one nothing does. */
export function observeKernels<Result>(by: KernelObserver, body: () => Result): Result {
  const before = observer;
  observer = by;
  served = null;
  try {
    return body();
  } finally {
    observer = before;
    served = null;
  }
}

function observed(kernels: Kernels, by: KernelObserver): Kernels {
  const entries = Object.entries(kernels) as [keyof Kernels, (...operands: unknown[]) => unknown][];
  return Object.fromEntries(
    entries.map(([name, kernel]) => [name, (...operands: unknown[]) => by(name, operands, () => kernel(...operands))]),
  ) as unknown as Kernels;
}

/**
 * Chooses kernels, threads and vector instructions anew, in place of the defaults and of APOLLO_KERNELS, APOLLO_THREADS
 * and APOLLO_SIMD; what is left out is as at the start.
 * @throws when an option is not possible.
 */
export function configureEngine(options: EngineOptions = {}, pooling: PoolingOptions = {}): void {
  const next = createEngine(options, memory, pooling);
  engine?.close();
  engine = next;
  served = null;
}

/** What {@link kernelsFor} serves with. */
export function engineInfo(): EngineInfo {
  const { kernels, variant, probes, threads, shared, origins } = currentEngine();
  return { kernels, variant, probes, threads, shared, origins };
}

/** {@link Engine.attentionScratchBytes} of the engine that {@link kernelsFor} serves with. */
export function engineAttentionScratchBytes(size: AttentionSize): number {
  return currentEngine().attentionScratchBytes(size);
}

/** Starts all threads and waits for them: a program may go on without, they join when they are there. */
export function engineReady(): Promise<void> {
  return currentEngine().ready();
}
