/** Where the time of a training step goes: which kernels, how fast each is, and what is left for the rest. */

import type { StepRecord } from "../apollo/algorithm.ts";
import { median } from "../report/statistics.ts";
import { observeKernels } from "../tensor/engine.ts";
import type { AttentionLayout, Kernels } from "../tensor/kernels.ts";
import { type StepTimeOptions, trainingSteps, warmUpSteps } from "./step-times.ts";

/** One kernel in a mean step; matrix products are told apart by transposition and sizes. */
export interface KernelUse {
  name: string;
  calls: number;
  ms: number;
  /** Floating-point operations that are done; null where they are not what the kernel's time is spent on. */
  flops: number | null;
  /** Bytes of all operands, each counted once, whether read, written or both. */
  bytes: number;
}

export interface KernelProfile {
  stepMs: number;
  /** Of `stepMs`, what was spent in calls of kernels: with the compiled code also in the JavaScript that calls it. */
  kernelMs: number;
  /** The longest first. */
  uses: KernelUse[];
}

/** A call of a kernel, as it was observed. */
interface Call {
  kernel: keyof Kernels;
  operands: readonly unknown[];
  ms: number;
}

interface Step {
  ms: number;
  calls: readonly Call[];
}

/**
 * Profiles training steps of a GPT: the mean over the half of the steps that is nearest to the median, so that what the
 * machine did besides does not count.
 */
export function profileKernels({ steps, ...options }: StepTimeOptions): KernelProfile {
  const training = trainingSteps(options);
  let calls: Call[] = [];
  const nextStep = (): Step => {
    calls = [];
    return { ms: (training.next().value as StepRecord).elapsedMs, calls };
  };
  const observed = observeKernels(
    (kernel, operands, call) => {
      const began = performance.now();
      const result = call();
      calls.push({ kernel, operands, ms: performance.now() - began });
      return result;
    },
    () => {
      for (let warmUp = warmUpSteps(steps); warmUp > 0; warmUp--) nextStep();
      return Array.from({ length: steps }, nextStep);
    },
  );
  const middle = median(observed.map(({ ms }) => ms));
  const typical = observed
    .sort((a, b) => Math.abs(a.ms - middle) - Math.abs(b.ms - middle))
    .slice(0, Math.ceil(steps / 2));
  const uses = usesOf(typical);
  return {
    stepMs: typical.reduce((total, { ms }) => total + ms, 0) / typical.length,
    kernelMs: uses.reduce((total, { ms }) => total + ms, 0),
    uses,
  };
}

/** Calls of one kernel and size together, as in a mean step. */
function usesOf(steps: readonly Step[]): KernelUse[] {
  const uses = new Map<string, KernelUse>();
  for (const { kernel, operands, ms } of steps.flatMap(({ calls }) => calls)) {
    const work = workOf(kernel, operands);
    const name = work === null || work.sizes === "" ? kernel : `${kernel} ${work.sizes}`;
    let use = uses.get(name);
    if (use === undefined) uses.set(name, (use = { name, calls: 0, ms: 0, flops: work && 0, bytes: 0 }));
    use.calls += 1 / steps.length;
    use.ms += ms / steps.length;
    use.bytes += bytesOf(operands, new Set()) / steps.length;
    if (work !== null) use.flops! += work.flops / steps.length;
  }
  return [...uses.values()].sort((a, b) => b.ms - a.ms);
}

/** Bytes of all arrays among a call's operands, also inside lists and layouts. */
function bytesOf(operand: unknown, seen: Set<unknown>): number {
  if (typeof operand !== "object" || operand === null || seen.has(operand)) return 0;
  seen.add(operand);
  if (ArrayBuffer.isView(operand)) return operand.byteLength;
  return Object.values(operand).reduce((total: number, value) => total + bytesOf(value, seen), 0);
}

/** What a kernel's operands tell of it. */
interface Work {
  /** Tells apart calls of one kernel that are worth it. */
  sizes: string;
  flops: number;
}

function workOf(kernel: keyof Kernels, operands: readonly unknown[]): Work | null {
  const work = WORK[kernel] as ((...operands: readonly unknown[]) => Work) | undefined;
  return work?.(...operands) ?? null;
}

/** Products of queries and keys that a mask leaves, over all heads. */
const scores = ({ batches, tokens, heads, causal }: AttentionLayout) =>
  batches * heads * (causal ? (tokens * (tokens + 1)) / 2 : tokens ** 2);

/** The kernels whose time goes into multiplications. */
const WORK: { [Name in keyof Kernels]?: (...operands: Parameters<Kernels[Name]>) => Work } = {
  matmul(_a, _b, _out, layout) {
    const { rows, inner, columns, transposeA, transposeB, batches } = layout;
    const count = batches[0] * batches[1];
    return {
      sizes: `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"} ${count === 1 ? "" : `${count}·`}${rows}×${inner}×${columns}`,
      flops: 2 * count * rows * inner * columns,
    };
  },
  attention: (_qkv, _out, _sums, layout) => ({ sizes: "", flops: 4 * scores(layout) * layout.headSize }),
  cachedAttention: (_qkv, _keys, _values, _out, { tokens, past, heads, headSize }) => ({
    sizes: "",
    flops: 4 * heads * headSize * (tokens * past + (tokens * (tokens + 1)) / 2),
  }),
  // The scores once more, and four products for the gradients.
  attentionBackward: (_qkv, _out, _sums, _gradient, _result, layout) => ({
    sizes: "",
    flops: 10 * scores(layout) * layout.headSize,
  }),
};
