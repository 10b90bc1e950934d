/** The compiled kernels as a module, in the instructions that this engine can run. */

import type { Memory } from "./memory.ts";
import { SIMD_BINARY } from "./simd-binary.ts";

export type InstructionSet = keyof typeof SIMD_BINARY;

interface Binary {
  bytes: Uint8Array<ArrayBuffer>;
  isValid: boolean;
}

/** By their text: decoding and validating takes longer than compiling, which happens function by function. */
const binaries = new Map<string, Binary>();

function binaryFor(instructions: InstructionSet, { isShared }: Memory): Binary {
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

/** Whether the engine knows these instructions. */
export function canRun(instructions: InstructionSet, memory: Memory): boolean {
  return binaryFor(instructions, memory).isValid;
}

export function compileKernels(instructions: InstructionSet, memory: Memory): WebAssembly.Module {
  return new WebAssembly.Module(binaryFor(instructions, memory).bytes);
}
