/** The choice among the compiled kernels: by a probe, or by name. */

import { platform } from "./current-platform.ts";
import type { Kernels } from "./kernels.ts";
import type { Memory } from "./memory.ts";
import type { PanelWidth } from "./simd-kernels.ts";
import { possibleVariants, type SimdVariant } from "./simd-module.ts";
import { findWrongKernel, isWorthIt, type TileSpeeds, timeTiles } from "./simd-probe.ts";
import type { ThreadPool } from "./thread-pool.ts";

/** What was found out about a variant of the SIMD kernels before it was chosen or passed over. */
export interface VariantProbe {
  variant: SimdVariant;
  /** Of the wide variant's register tiles; null for the others. */
  tiles: TileSpeeds | null;
  /** A kernel that does not agree with the reference; null when all that were tried do. */
  wrong: keyof Kernels | null;
  isChosen: boolean;
  elapsedMs: number;
}

/** What an engine of one variant is made of. */
interface Parts {
  pool: ThreadPool;
  simd(panel: PanelWidth): Kernels;
}

/**
 * Builds the variant that is asked for, else the fastest that agrees with the reference and, if wide, is faster: the
 * probes say why the ones before it are not. What is asked for may be slow, and only wide is tried whether it is right.
 * @throws when what is asked for is not possible here.
 */
export function chooseVariant<Built extends Parts>(
  asked: SimdVariant | undefined,
  memory: Memory,
  build: (variant: SimdVariant) => Built,
): { variant: SimdVariant; probes: VariantProbe[]; parts: Built } {
  const possible = possibleVariants(memory);
  if (asked !== undefined && !possible.includes(asked)) {
    const needs = asked === "wide" ? "Node 24 or later on x64" : "an engine with relaxed SIMD";
    throw new Error(`the SIMD variant "${asked}" needs ${needs}`);
  }
  const probes: VariantProbe[] = [];
  for (const variant of asked === undefined ? possible : [asked]) {
    platform.joinVectorPairs(variant === "wide");
    const parts = build(variant);
    if (variant === "plain" || asked === "relaxed") return { variant, probes, parts };
    const probe = platform.optimisedAtOnce(() => probeVariant(variant, memory, parts, asked !== undefined));
    probes.push(probe);
    if (probe.isChosen) return { variant, probes, parts };
    parts.pool.terminate();
  }
  // Plain is always good enough: only what was asked for ends here.
  platform.joinVectorPairs(false);
  throw new Error(`the SIMD variant "${asked}" computes ${probes[0].wrong} wrongly on this machine`);
}

function probeVariant(variant: SimdVariant, memory: Memory, { simd }: Parts, mayBeSlow: boolean): VariantProbe {
  const start = performance.now();
  const kernels = variant === "wide" ? [simd(8), simd(16)] : [simd(8)];
  // The speed first: where the wide tile loses, the other kernels need not be compiled.
  const tiles = variant === "wide" ? timeTiles(memory, kernels[0], kernels[1]) : null;
  const isFast = tiles === null || isWorthIt(tiles);
  const wrong = isFast || mayBeSlow ? findWrongKernel(memory, kernels) : null;
  const isChosen = wrong === null && (isFast || mayBeSlow);
  return { variant, tiles, wrong, isChosen, elapsedMs: performance.now() - start };
}
