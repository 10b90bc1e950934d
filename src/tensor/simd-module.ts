/** The compiled kernels as a module, in the variants that this engine can run. */

import { platform } from "./current-platform.ts";
import type { Memory } from "./memory.ts";
import { SIMD_BINARY } from "./simd-binary.ts";

/**
 * plain: 128-bit SIMD, products rounded before they are added; relaxed: fused multiply-add; wide: relaxed with pairs of
 * operations joined to 256 bits (Node 24 and later on x64). Relaxed and wide give the same bits.
 */
export const SIMD_VARIANTS = ["plain", "relaxed", "wide"] as const;
export type SimdVariant = (typeof SIMD_VARIANTS)[number];

interface Binary {
  bytes: Uint8Array<ArrayBuffer>;
  isValid: boolean;
}

/** By their text: decoding and validating takes longer than compiling, which happens function by function. */
const binaries = new Map<string, Binary>();

/**
 * An empty custom section. V8 shares machine code between modules of equal bytes: with it, functions in which pairs of
 * vectors were joined stay out of the other variants.
 */
const WIDE_MARK = [0, 5, 4, ...new TextEncoder().encode("wide")];

function binaryFor(instructions: keyof typeof SIMD_BINARY, { isShared }: Memory): Binary {
  const text = SIMD_BINARY[instructions][isShared ? "shared" : "unshared"];
  let binary = binaries.get(text);
  if (binary === undefined) {
    const decoded = atob(text);
    const bytes = new Uint8Array(decoded.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = decoded.charCodeAt(i);
    binary = { bytes, isValid: WebAssembly.validate(bytes) };
    binaries.set(text, binary);
  }
  return binary;
}

/** The variants that the engine knows the instructions of, the fastest first. */
export function possibleVariants(memory: Memory): SimdVariant[] {
  if (!binaryFor("relaxed", memory).isValid) return binaryFor("plain", memory).isValid ? ["plain"] : [];
  return platform.canJoinVectorPairs ? ["wide", "relaxed", "plain"] : ["relaxed", "plain"];
}

export function compileKernels(variant: SimdVariant, memory: Memory): WebAssembly.Module {
  if (variant !== "wide") return new WebAssembly.Module(binaryFor(variant, memory).bytes);
  const { bytes } = binaryFor("relaxed", memory);
  const marked = new Uint8Array(bytes.length + WIDE_MARK.length);
  marked.set(bytes);
  marked.set(WIDE_MARK, bytes.length);
  return new WebAssembly.Module(marked);
}
