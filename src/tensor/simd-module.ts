/** The compiled kernels as a module, in the variant that this engine can run. */

import type { Memory } from "./memory.ts";
import { SIMD_BINARY } from "./simd-binary.ts";

export type InstructionSet = keyof typeof SIMD_BINARY;

function bytesOf(instructions: InstructionSet, memory: Memory): Uint8Array<ArrayBuffer> {
  const text = atob(SIMD_BINARY[instructions][memory.isShared ? "shared" : "unshared"]);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Whether the engine knows the instructions of this variant. */
export function canRun(instructions: InstructionSet, memory: Memory): boolean {
  return WebAssembly.validate(bytesOf(instructions, memory));
}

export function compileKernels(instructions: InstructionSet, memory: Memory): WebAssembly.Module {
  return new WebAssembly.Module(bytesOf(instructions, memory));
}
