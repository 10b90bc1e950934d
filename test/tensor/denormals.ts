/** Counts subnormal numbers (denormals: 0 < |x| < 2⁻¹²⁶) in what the kernels write. */

import { observeKernels } from "../../src/tensor/engine.ts";
import type { Kernels } from "../../src/tensor/kernels.ts";

export interface Written {
  /** Elements of which a kernel changed the bits. */
  elements: number;
  /** Of these, how many became subnormal. */
  denormals: number;
}

const bitsOf = ({ buffer, byteOffset, length }: Float32Array) => new Uint32Array(buffer, byteOffset, length);

const isDenormal = (bits: number) => (bits & 0x7f800000) === 0 && (bits & 0x007fffff) !== 0;

export function countDenormals(numbers: Float32Array): number {
  return bitsOf(numbers).reduce((count, bits) => count + Number(isDenormal(bits)), 0);
}

/** Every array of f32 among a call's operands, also inside lists and layouts. */
function arraysOf(operand: unknown, found: Set<Float32Array>): Set<Float32Array> {
  if (operand instanceof Float32Array) found.add(operand);
  else if (typeof operand === "object" && operand !== null && !ArrayBuffer.isView(operand))
    for (const part of Object.values(operand)) arraysOf(part, found);
  return found;
}

/** What each kernel wrote while `body` ran, all its calls together: whatever a call changed among its operands. */
export function writtenDuring(body: () => void): Map<keyof Kernels, Written> {
  const written = new Map<keyof Kernels, Written>();
  observeKernels((kernel, operands, call) => {
    const arrays = [...arraysOf(operands, new Set())];
    const before = arrays.map((array) => bitsOf(array).slice());
    const result = call();
    const counts = written.get(kernel) ?? { elements: 0, denormals: 0 };
    written.set(kernel, counts);
    arrays.forEach((array, index) => {
      bitsOf(array).forEach((bits, at) => {
        if (bits === before[index][at]) return;
        counts.elements++;
        if (isDenormal(bits)) counts.denormals++;
      });
    });
    return result;
  }, body);
  return written;
}
