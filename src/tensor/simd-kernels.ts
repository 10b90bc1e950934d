/**
 * The names of the kernels bound to the compiled functions of src/tensor/assembly, split over the thread pool.
 *
 * A call is handed to the fallback when an operand is not f32 inside the engine's memory; a kernel that has no compiled
 * function stays the fallback's.
 */

import {
  type AttentionLayout,
  type AttentionSize,
  type BinaryKernel,
  type Kernels,
  SUM_CHUNK,
  type UnaryBackwardKernel,
  type UnaryKernel,
} from "./kernels.ts";
import { EPILOGUE_NUMBERS } from "./matmul-epilogue.ts";
import { divideMatmul } from "./matmul-parts.ts";
import type { Memory } from "./memory.ts";
import { dropoutThreshold } from "./random.ts";
import { createListKernels } from "./simd-list-kernels.ts";
import type { SimdVariant } from "./simd-module.ts";
import { mergeAxes } from "./strided-axes.ts";
import type { ThreadPool } from "./thread-pool.ts";

/**
 * Columns of a register tile: 8 suits 128-bit engines; 16 those that join pairs of 128-bit operations. Equal results.
 */
export type PanelWidth = 8 | 16;

/** The panel that suits a variant. */
export function panelFor(variant: SimdVariant): PanelWidth {
  return variant === "wide" ? 16 : 8;
}

export interface SimdKernelsOptions {
  memory: Memory;
  pool: ThreadPool;
  fallback: Kernels;
  addressOf: (view: ArrayBufferView) => number;
  panel: PanelWidth;
}

/** Elements that one thread takes at least: whole cache lines, and long enough to be worth a call. */
const ELEMENT_GRAIN = 1024;
/** Columns that one thread takes at least in loops down the rows: a cache line. */
const COLUMN_GRAIN = 16;
/** Columns of a unit of work of the compiled product of one row. */
const ROW_UNIT_COLUMNS = 16;
/** Strided copies know this many axes after merging. */
const COPY_AXES = 4;

/**
 * Estimated nanoseconds per element on one thread: they only decide when work is shared, and need not be near. (Long formulas
 * take 1.4 to 1.9 by profile; with 1.6 steps take as long as with 1, within the noise of 24 rounds by turns.)
 */
const COST = {
  copy: 0.15,
  arithmetic: 0.15,
  exponential: 0.5,
  longFormula: 1,
  scattered: 1,
  multiplication: 0.022,
} as const;

const UNARY_COSTS = {
  neg: COST.copy,
  exp: COST.exponential,
  log: COST.exponential,
  sqrt: COST.arithmetic,
  abs: COST.copy,
  sign: COST.copy,
  tanh: COST.longFormula,
  sigmoid: COST.exponential,
  relu: COST.copy,
  erf: COST.longFormula,
  gelu: COST.longFormula,
  geluTanh: COST.exponential,
  silu: COST.exponential,
} as const;

const BINARY_NAMES = ["add", "sub", "mul", "div", "maximum", "minimum", "equal", "less", "lessEqual"] as const;
const UNARY_BACKWARD_NAMES = ["geluBackward", "geluTanhBackward", "siluBackward"] as const;

/**
 * Bytes of scratch that each thread of a pool with the compiled kernels has for attention of this size, which is
 * {@link Kernels.attention}'s and {@link Kernels.attentionBackward}'s.
 */
export function attentionScratchBytes(pool: ThreadPool, { tokens, headSize }: AttentionSize): number {
  const { attentionScratchBytes: forward, attentionBackwardScratchBytes: backward } = pool.exports;
  const needed = [forward, backward].map((bytesOf) => bytesOf(tokens, headSize) as unknown as number);
  return pool.scratchBytesFor(Math.max(...needed));
}

/** The compiled kernels over `fallback`. */
export function createSimdKernels({ memory, pool, fallback, addressOf, panel }: SimdKernelsOptions): Kernels {
  // The callers' arrays may be on a buffer that growth replaces: scratch is taken only after the addresses are known.
  pool.reserveScratch(pool.exports.matmulScratchBytes() as unknown as number);

  /** The addresses of operands; null when one is not in the memory. */
  const addressesOf = (...views: ArrayBufferView[]): number[] | null => {
    const addresses = new Array<number>(views.length);
    for (let i = 0; i < views.length; i++) {
      const address = addressOf(views[i]);
      if (address < 0) return null;
      addresses[i] = address;
    }
    return addresses;
  };

  /** 0 for what is not given, −1 for what is not in the memory. */
  const optionalAddressOf = (view: ArrayBufferView | undefined): number => (view === undefined ? 0 : addressOf(view));

  const unary = (name: keyof typeof UNARY_COSTS): UnaryKernel => {
    const index = pool.indexOf(name);
    const cost = UNARY_COSTS[name];
    return (x, out) => {
      const addresses = addressesOf(x, out);
      if (addresses === null) fallback[name](x, out);
      else pool.run(index, addresses, out.length, ELEMENT_GRAIN, out.length * cost);
    };
  };

  const unaryBackward = (name: (typeof UNARY_BACKWARD_NAMES)[number]): UnaryBackwardKernel => {
    const index = pool.indexOf(name);
    return (operand, gradient, out) => {
      const addresses = addressesOf(operand, gradient, out);
      if (addresses === null) fallback[name](operand, gradient, out);
      else pool.run(index, addresses, out.length, ELEMENT_GRAIN, out.length * COST.longFormula);
    };
  };

  const binary = (name: (typeof BINARY_NAMES)[number]): BinaryKernel => {
    const index = pool.indexOf(name);
    return (a, b, out, layout) => {
      const addresses = addressesOf(a, b, out);
      if (addresses === null) {
        fallback[name](a, b, out, layout);
        return;
      }
      let { rows, columns, aRow, aColumn, bRow, bColumn } = layout;
      // Rows that follow one another without a gap are one long row.
      if (aRow === columns * aColumn && bRow === columns * bColumn) {
        columns *= rows;
        rows = 1;
      }
      const given = [
        addresses[0] + layout.aStart * 4,
        addresses[1] + layout.bStart * 4,
        addresses[2] + layout.outStart * 4,
        columns,
        aRow,
        aColumn,
        bRow,
        bColumn,
      ];
      const elements = rows * columns;
      pool.run(index, given, elements, ELEMENT_GRAIN, elements * COST.arithmetic);
    };
  };

  const index = {
    where: pool.indexOf("where"),
    fill: pool.indexOf("fill"),
    scale: pool.indexOf("scale"),
    add: pool.indexOf("add"),
    copyStrided: pool.indexOf("copyStrided"),
    addStrided: pool.indexOf("addStrided"),
    takeRows: pool.indexOf("takeRows"),
    addRows: pool.indexOf("addRows"),
    sumChunks: pool.indexOf("sumChunks"),
    sumRows: pool.indexOf("sumRows"),
    sumColumns: pool.indexOf("sumColumns"),
    maxRows: pool.indexOf("maxRows"),
    maxColumns: pool.indexOf("maxColumns"),
    argmax: pool.indexOf("argmax"),
    softmax: pool.indexOf("softmax"),
    softmaxBackward: pool.indexOf("softmaxBackward"),
    logSoftmax: pool.indexOf("logSoftmax"),
    layerNorm: pool.indexOf("layerNorm"),
    residualLayerNorm: pool.indexOf("residualLayerNorm"),
    layerNormBackward: pool.indexOf("layerNormBackward"),
    layerNormParametersBackward: pool.indexOf("layerNormParametersBackward"),
    dropout: pool.indexOf("dropout"),
    crossEntropy: pool.indexOf("crossEntropy"),
    crossEntropyBackward: pool.indexOf("crossEntropyBackward"),
    attention: pool.indexOf("attention"),
    attentionBackward: pool.indexOf("attentionBackward"),
    cachedAttention: pool.indexOf("cachedAttention"),
    matmul: pool.indexOf("matmul"),
    multiplyRow: pool.indexOf("multiplyRow"),
  };

  /** Σ of the chunk sums that a kernel writes, always in the same order. */
  const sumOfChunks = (address: number, length: number): number => {
    const chunks = Math.ceil(length / SUM_CHUNK);
    return memory.lend(chunks * 8, (partials) => {
      pool.run(index.sumChunks, [address, partials, length], chunks, 1, length * COST.arithmetic);
      const sums = new Float64Array(memory.buffer as ArrayBuffer, partials, chunks);
      let total = 0;
      for (let i = 0; i < chunks; i++) total += sums[i];
      return total;
    });
  };

  return {
    ...fallback,
    ...createListKernels({ memory, pool, fallback, addressOf }),
    ...(fromNames(BINARY_NAMES, binary) as Pick<Kernels, (typeof BINARY_NAMES)[number]>),
    ...(fromNames(Object.keys(UNARY_COSTS) as (keyof typeof UNARY_COSTS)[], unary) as Pick<
      Kernels,
      keyof typeof UNARY_COSTS
    >),
    ...(fromNames(UNARY_BACKWARD_NAMES, unaryBackward) as Pick<Kernels, (typeof UNARY_BACKWARD_NAMES)[number]>),

    where(condition, a, b, out) {
      const addresses = addressesOf(condition, a, b, out);
      if (addresses === null) fallback.where(condition, a, b, out);
      else pool.run(index.where, addresses, out.length, ELEMENT_GRAIN, out.length * COST.arithmetic);
    },
    fill(out, value) {
      const address = addressOf(out);
      if (address < 0) fallback.fill(out, value);
      else pool.run(index.fill, [address, value], out.length, ELEMENT_GRAIN, out.length * COST.copy);
    },
    scale(x, out, factor) {
      const addresses = addressesOf(x, out);
      if (addresses === null) fallback.scale(x, out, factor);
      else pool.run(index.scale, [...addresses, factor], out.length, ELEMENT_GRAIN, out.length * COST.copy);
    },
    accumulate(x, out) {
      const addresses = addressesOf(x, out);
      if (addresses === null) fallback.accumulate(x, out);
      else {
        const given = [addresses[0], addresses[1], addresses[1], out.length, 0, 1, 0, 1];
        pool.run(index.add, given, out.length, ELEMENT_GRAIN, out.length * COST.arithmetic);
      }
    },

    copyStrided(x, out, view) {
      const addresses = addressesOf(x, out);
      const axes = mergeAxes(view, COPY_AXES);
      if (addresses === null || axes === null) {
        fallback.copyStrided(x, out, view);
        return;
      }
      const { sizes, strides } = axes;
      const given = [addresses[0] + view.start * 4, addresses[1], ...sizes.slice(1), ...strides];
      pool.run(index.copyStrided, given, sizes[0] * sizes[1], 1, axes.elements * COST.scattered);
    },
    addStrided(x, out, view) {
      const addresses = addressesOf(x, out);
      const axes = mergeAxes(view, COPY_AXES);
      if (addresses === null || axes === null) {
        fallback.addStrided(x, out, view);
        return;
      }
      const { sizes, strides, isInjective } = axes;
      const given = [addresses[0], addresses[1] + view.start * 4, ...sizes.slice(1), ...strides];
      // Elements that are met more than once must be added to by one thread.
      const units = sizes[0] * sizes[1];
      pool.run(index.addStrided, given, units, isInjective ? 1 : units, axes.elements * COST.scattered);
    },
    takeRows(x, indices, out, layout) {
      const addresses = addressesOf(x, indices, out);
      if (addresses === null) {
        fallback.takeRows(x, indices, out, layout);
        return;
      }
      const { outer, size, inner } = layout;
      const given = [...addresses, size, inner, indices.length];
      const grain = Math.ceil(256 / inner);
      pool.run(index.takeRows, given, outer * indices.length, grain, outer * indices.length * inner * COST.copy);
    },
    addRows(x, indices, out, layout) {
      const addresses = addressesOf(x, indices, out);
      if (addresses === null) {
        fallback.addRows(x, indices, out, layout);
        return;
      }
      const { outer, size, inner } = layout;
      const given = [...addresses, outer, size, inner, indices.length];
      pool.run(index.addRows, given, inner, COLUMN_GRAIN, outer * indices.length * inner * COST.arithmetic);
    },

    sum(x, out, layout) {
      const addresses = addressesOf(x, out);
      if (addresses === null) {
        fallback.sum(x, out, layout);
        return;
      }
      const { outer, size, inner } = layout;
      const nanoseconds = outer * size * inner * COST.arithmetic;
      if (outer * inner === 1) {
        const total = sumOfChunks(addresses[0], size);
        new Float32Array(memory.buffer as ArrayBuffer, addresses[1], 1)[0] = total;
      } else if (inner === 1) {
        pool.run(index.sumRows, [...addresses, size], outer, Math.ceil(256 / size), nanoseconds);
      } else {
        pool.run(index.sumColumns, [...addresses, size, inner], outer * inner, COLUMN_GRAIN, nanoseconds);
      }
    },
    max(x, out, layout) {
      const addresses = addressesOf(x, out);
      if (addresses === null) {
        fallback.max(x, out, layout);
        return;
      }
      const { outer, size, inner } = layout;
      const nanoseconds = outer * size * inner * COST.arithmetic;
      if (inner === 1) pool.run(index.maxRows, [...addresses, size], outer, Math.ceil(256 / size), nanoseconds);
      else pool.run(index.maxColumns, [...addresses, size, inner], outer * inner, COLUMN_GRAIN, nanoseconds);
    },
    argmax(x, out, layout) {
      const addresses = addressesOf(x, out);
      if (addresses === null) {
        fallback.argmax(x, out, layout);
        return;
      }
      const { outer, size, inner } = layout;
      const nanoseconds = outer * size * inner * COST.scattered;
      pool.run(index.argmax, [...addresses, size, inner], outer * inner, COLUMN_GRAIN, nanoseconds);
    },

    softmax(x, out, layout) {
      const addresses = addressesOf(x, out);
      if (addresses === null) fallback.softmax(x, out, layout);
      else runRows(index.softmax, [...addresses, layout.columns], layout, COST.exponential);
    },
    softmaxBackward(y, gradient, out, layout) {
      const addresses = addressesOf(y, gradient, out);
      if (addresses === null) fallback.softmaxBackward(y, gradient, out, layout);
      else runRows(index.softmaxBackward, [...addresses, layout.columns], layout, COST.arithmetic);
    },
    logSoftmax(x, out, layout) {
      const addresses = addressesOf(x, out);
      if (addresses === null) fallback.logSoftmax(x, out, layout);
      else runRows(index.logSoftmax, [...addresses, layout.columns], layout, COST.exponential);
    },
    layerNorm(x, weight, bias, out, mean, rstd, layout) {
      const addresses = addressesOf(x, weight, bias, out, mean, rstd);
      if (addresses === null) fallback.layerNorm(x, weight, bias, out, mean, rstd, layout);
      else runRows(index.layerNorm, [...addresses, layout.columns, layout.epsilon], layout, COST.exponential);
    },
    residualLayerNorm(x, change, weight, bias, sum, out, mean, rstd, layout) {
      const addresses = addressesOf(x, change, weight, bias, sum, out, mean, rstd);
      if (addresses === null) fallback.residualLayerNorm(x, change, weight, bias, sum, out, mean, rstd, layout);
      else runRows(index.residualLayerNorm, [...addresses, layout.columns, layout.epsilon], layout, COST.exponential);
    },
    layerNormBackward(x, weight, mean, rstd, gradient, out, layout) {
      const addresses = addressesOf(x, weight, mean, rstd, gradient, out);
      if (addresses === null) fallback.layerNormBackward(x, weight, mean, rstd, gradient, out, layout);
      else runRows(index.layerNormBackward, [...addresses, layout.columns], layout, COST.exponential);
    },
    layerNormParametersBackward(x, mean, rstd, gradient, weightGradient, biasGradient, layout) {
      const addresses = addressesOf(x, mean, rstd, gradient, weightGradient, biasGradient);
      if (addresses === null) {
        fallback.layerNormParametersBackward(x, mean, rstd, gradient, weightGradient, biasGradient, layout);
        return;
      }
      const { rows, columns } = layout;
      const given = [...addresses, rows, columns];
      pool.run(index.layerNormParametersBackward, given, columns, COLUMN_GRAIN, rows * columns * COST.exponential);
    },

    dropout(x, out, { probability, seed }) {
      const addresses = addressesOf(x, out);
      if (addresses === null) {
        fallback.dropout(x, out, { probability, seed });
        return;
      }
      const given = [...addresses, dropoutThreshold(probability), 1 / (1 - probability), ...seed];
      pool.run(index.dropout, given, out.length, ELEMENT_GRAIN, out.length * COST.exponential);
    },

    crossEntropy(logits, targets, losses, logSumExps, layout) {
      const addresses = addressesOf(logits, targets, losses, logSumExps);
      if (addresses === null) {
        fallback.crossEntropy(logits, targets, losses, logSumExps, layout);
        return;
      }
      const given = [...addresses, layout.columns, layout.ignoreIndex, layout.labelSmoothing];
      runRows(index.crossEntropy, given, layout, COST.exponential);
    },
    crossEntropyBackward(logits, targets, logSumExps, gradient, out, layout) {
      const addresses = addressesOf(logits, targets, logSumExps, gradient, out);
      if (addresses === null) {
        fallback.crossEntropyBackward(logits, targets, logSumExps, gradient, out, layout);
        return;
      }
      const given = [...addresses, layout.columns, layout.ignoreIndex, layout.labelSmoothing];
      runRows(index.crossEntropyBackward, given, layout, COST.exponential);
    },

    attention(qkv, out, logSumExps, layout) {
      const addresses = addressesOf(qkv, out, logSumExps);
      const mask = layout.mask === undefined ? 0 : addressOf(layout.mask.values);
      if (addresses === null || mask < 0) {
        fallback.attention(qkv, out, logSumExps, layout);
        return;
      }
      const { batches, tokens, heads, headSize } = layout;
      if (tokens === 0) return;
      pool.reserveScratch(pool.exports.attentionScratchBytes(tokens, headSize) as unknown as number);
      const given = [...addresses, ...attentionArguments(layout, mask)];
      const nanoseconds = batches * heads * tokens * tokens * (2 * headSize * COST.multiplication + COST.exponential);
      // Blocks of one head share its packed keys and values: heads are cut only where there are few.
      const blocks = pool.exports.attentionBlocks(tokens) as unknown as number;
      const grain = batches * heads >= 2 * pool.threads ? blocks : Math.ceil(blocks / 4);
      pool.run(index.attention, given, batches * heads * blocks, grain, nanoseconds);
    },
    attentionBackward(qkv, out, logSumExps, gradient, qkvGradient, layout) {
      const addresses = addressesOf(qkv, out, logSumExps, gradient, qkvGradient);
      const mask = layout.mask === undefined ? 0 : addressOf(layout.mask.values);
      if (addresses === null || mask < 0) {
        fallback.attentionBackward(qkv, out, logSumExps, gradient, qkvGradient, layout);
        return;
      }
      const { batches, tokens, heads, headSize } = layout;
      pool.reserveScratch(pool.exports.attentionBackwardScratchBytes(tokens, headSize) as unknown as number);
      const given = [...addresses, ...attentionArguments(layout, mask)];
      const nanoseconds = batches * heads * tokens * tokens * (5 * headSize * COST.multiplication + COST.exponential);
      pool.run(index.attentionBackward, given, batches * heads, 1, nanoseconds);
    },

    cachedAttention(qkv, keys, values, out, layout) {
      const addresses = addressesOf(qkv, keys, values, out);
      if (addresses === null) {
        fallback.cachedAttention(qkv, keys, values, out, layout);
        return;
      }
      const { tokens, past, capacity, heads, headSize, scale } = layout;
      const count = past + tokens;
      pool.reserveScratch(pool.exports.cachedAttentionScratchBytes(count, headSize) as unknown as number);
      const nanoseconds = tokens * heads * count * (2 * headSize * COST.arithmetic + COST.exponential);
      const given = [...addresses, past, capacity, heads, headSize, scale];
      pool.run(index.cachedAttention, given, tokens * heads, 1, nanoseconds);
    },

    matmul(a, b, out, layout) {
      const { bias, residual, epilogue } = layout;
      const addresses = addressesOf(a, b, out);
      const biasAddress = optionalAddressOf(bias);
      const residualAddress = optionalAddressOf(residual);
      const inputs = optionalAddressOf(epilogue?.inputs);
      if (addresses === null || biasAddress < 0 || residualAddress < 0 || inputs < 0) {
        fallback.matmul(a, b, out, layout);
        return;
      }
      const { rows, columns, inner, batches, aBatch, bBatch, outBatch } = layout;
      const epilogueNumber = epilogue === undefined ? 0 : EPILOGUE_NUMBERS[epilogue.name];
      const accumulate = Number(layout.accumulate ?? false);
      if (rows === 1 && batches[0] * batches[1] === 1 && !layout.transposeA) {
        const finish = [biasAddress, residualAddress, epilogueNumber, inputs];
        const given = [...addresses, ...finish, columns, inner, Number(layout.transposeB), layout.bRow, accumulate];
        const units = Math.ceil(columns / ROW_UNIT_COLUMNS);
        pool.run(index.multiplyRow, given, units, 1, columns * inner * COST.arithmetic);
        return;
      }
      const nanoseconds = rows * columns * inner * batches[0] * batches[1] * COST.multiplication;
      const [rowParts, columnParts] = divideMatmul(layout, panel, pool.partsFor(nanoseconds));
      // Element by element: spreading arrays into this one would take as long as a product of 16 × 16.
      const given = [
        addresses[0],
        addresses[1],
        addresses[2],
        biasAddress,
        residualAddress,
        epilogueNumber,
        inputs,
        rows,
        columns,
        inner,
        Number(layout.transposeA),
        Number(layout.transposeB),
        layout.aRow,
        layout.bRow,
        layout.outRow,
        batches[1],
        aBatch[0],
        aBatch[1],
        bBatch[0],
        bBatch[1],
        outBatch[0],
        outBatch[1],
        accumulate,
        panel,
        rowParts,
        columnParts,
      ];
      pool.run(index.matmul, given, batches[0] * batches[1] * rowParts * columnParts, 1, nanoseconds);
    },
  };

  /** What both attention kernels take after their operands. */
  function attentionArguments(layout: AttentionLayout, mask: number): number[] {
    const { tokens, heads, headSize, causal, scale, dropoutProbability, dropoutSeed } = layout;
    const dropout = [dropoutThreshold(dropoutProbability), 1 / (1 - dropoutProbability), ...dropoutSeed];
    const strides = layout.mask?.strides ?? [0, 0, 0, 0];
    return [tokens, heads, headSize, Number(causal), scale, mask, ...strides, ...dropout, panel];
  }

  function runRows(
    kernel: number,
    given: readonly number[],
    { rows, columns }: { rows: number; columns: number },
    cost: number,
  ): void {
    pool.run(kernel, given, rows, Math.ceil(256 / columns), rows * columns * cost);
  }
}

function fromNames<Name extends string, Kernel>(names: readonly Name[], make: (name: Name) => Kernel): object {
  return Object.fromEntries(names.map((name) => [name, make(name)]));
}

/** For every kernel the first of the sets, fastest first, that serves it by itself. */
export function kernelOrigins(sets: readonly { name: string; kernels: Kernels }[]): Record<keyof Kernels, string> {
  const origins: Partial<Record<keyof Kernels, string>> = {};
  for (const name of Object.keys(sets[0].kernels) as (keyof Kernels)[]) {
    // A set that lacks a kernel holds the next one's very function.
    const serving = sets.findLast(({ kernels }) => kernels[name] === sets[0].kernels[name]);
    origins[name] = serving?.name;
  }
  return origins as Record<keyof Kernels, string>;
}
