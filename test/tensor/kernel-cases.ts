/** Random calls of every kernel, with the bound on each output's error: the same expression in absolute values. */

import fc from "fast-check";
import { erf, normalDensity } from "../../src/tensor/erf.ts";
import {
  type AttentionLayout,
  type AxisLayout,
  HIDDEN_SCORE,
  type Kernels,
  type MatmulLayout,
  type Numbers,
} from "../../src/tensor/kernels.ts";
import type { Memory } from "../../src/tensor/memory.ts";
import { dropoutBits, dropoutThreshold, type Random } from "../../src/tensor/random.ts";
import { referenceKernels } from "../../src/tensor/reference-kernels.ts";

export type Operand = Numbers | Int32Array;

/** A call on operands that are handed over; `start` are their contents before it. */
export interface KernelCall {
  start: Operand[];
  /** Which operands are results; those whose contents before do not matter start as NaN. */
  results: number[];
  run(kernels: Kernels, operands: Operand[]): unknown;
  /** For each result, by how much 1e-5 is multiplied, from the f64 operands before and after the call. */
  bounds(before: Numbers[], after: Numbers[]): ArrayLike<number>[];
}

/** Makes a call from random numbers; `size` scales it from tiny to a few thousand elements. */
export type CallMaker = (random: Random, size: number) => KernelCall;

const uniform = (random: Random, length: number, low = -3, high = 3): Float32Array =>
  Float32Array.from({ length }, () => low + (high - low) * random.uniform());
const empty = (length: number): Float32Array => new Float32Array(length).fill(Number.NaN);
const upTo = (random: Random, most: number): number => 1 + random.integer(Math.max(1, most));
const map = (length: number, f: (i: number) => number): Float64Array => Float64Array.from({ length }, (_, i) => f(i));
const absolute = (x: Numbers): Float64Array => map(x.length, (i) => Math.abs(x[i]));
const n = (operand: Operand): Numbers => operand as Numbers;

function rowsAndColumns(random: Random, size: number): { rows: number; columns: number } {
  const columns = upTo(random, Math.min(size, 130));
  return { rows: upTo(random, Math.ceil(size / columns)), columns };
}

function rowSums(x: Numbers, rows: number, columns: number): Float64Array {
  const sums = new Float64Array(rows);
  referenceKernels.sum(x, sums, { outer: rows, size: columns, inner: 1 });
  return sums;
}

type BinaryName = "add" | "sub" | "mul" | "div" | "pow" | "maximum" | "minimum" | "equal" | "less" | "lessEqual";

function binary(name: BinaryName): CallMaker {
  return (random, size) => {
    const { rows, columns } = rowsAndColumns(random, size);
    const strides = () =>
      [
        [columns, 1],
        [0, 1],
        [1, 0],
        [0, 0],
        [2 * columns + 3, 2],
      ][random.integer(5)];
    const [aRow, aColumn] = strides();
    const [bRow, bColumn] = strides();
    const aStart = random.integer(3);
    const bStart = random.integer(3);
    const outStart = random.integer(3);
    const layout = { rows, columns, outStart, aStart, aRow, aColumn, bStart, bRow, bColumn };
    const positive = name === "div" || name === "pow";
    const a = uniform(random, aStart + rows * (aRow + 1) + columns * (aColumn + 1), positive ? 0.5 : -3);
    const b = uniform(random, bStart + rows * (bRow + 1) + columns * (bColumn + 1), positive ? 0.5 : -3);
    // Ties, for the comparisons.
    for (let i = 0; i < Math.min(a.length, b.length); i += 3) b[i] = a[i];
    const out = new Float32Array(outStart + rows * columns);
    out.fill(Number.NaN, outStart);
    return {
      start: [a, b, out],
      results: [2],
      run: (kernels, [x, y, z]) => kernels[name](n(x), n(y), n(z), layout),
      bounds([x, y], [, , z]) {
        const bound = map(z.length, (i) => Math.abs(z[i]));
        if (name === "add" || name === "sub") referenceKernels.add(absolute(x), absolute(y), bound, layout);
        return [bound];
      },
    };
  };
}

type UnaryName =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "abs"
  | "sign"
  | "tanh"
  | "sigmoid"
  | "relu"
  | "erf"
  | "gelu"
  | "geluTanh"
  | "silu";

function unary(name: UnaryName): CallMaker {
  return (random, size) => {
    const reach = [0.01, 1, 5, 30][random.integer(4)];
    const x = uniform(random, size, name === "log" || name === "sqrt" ? 1e-3 : -reach, reach);
    if (name !== "log" && name !== "sqrt") x[random.integer(size)] = 0;
    return {
      start: [x, empty(size)],
      results: [1],
      run: (kernels, [from, to]) => kernels[name](n(from), n(to)),
      bounds: ([from], [, to]) => [
        map(size, (i) => {
          if (name === "gelu") return 0.5 * Math.abs(from[i]) * (1 + Math.abs(erf(from[i] * Math.SQRT1_2)));
          if (name === "geluTanh") return Math.abs(from[i]);
          return Math.abs(to[i]);
        }),
      ],
    };
  };
}

function unaryBackward(name: "geluBackward" | "geluTanhBackward" | "siluBackward"): CallMaker {
  return (random, size) => {
    const reach = [0.01, 1, 5, 30][random.integer(4)];
    return {
      start: [uniform(random, size, -reach, reach), uniform(random, size), empty(size)],
      results: [2],
      run: (kernels, [x, gradient, out]) => kernels[name](n(x), n(gradient), n(out)),
      bounds: ([x, gradient]) => [
        map(size, (i) => {
          const inside =
            name === "geluBackward" ? 1 + Math.abs(x[i]) * normalDensity(x[i]) : 1 + Math.min(1, Math.abs(x[i]));
          return Math.abs(gradient[i]) * inside;
        }),
      ],
    };
  };
}

function axisLayout(random: Random, size: number): AxisLayout {
  const inner = random.integer(3) === 0 ? 1 : upTo(random, Math.min(size, 70));
  const along = upTo(random, Math.ceil(size / inner));
  return { outer: upTo(random, Math.ceil(size / (inner * along))), size: along, inner };
}

function sums(name: "sum" | "max"): CallMaker {
  return (random, size) => {
    const layout = axisLayout(random, size);
    const { outer, inner } = layout;
    return {
      start: [uniform(random, outer * layout.size * inner), empty(outer * inner)],
      results: [1],
      run: (kernels, [x, out]) => kernels[name](n(x), n(out), layout),
      bounds([x], [, out]) {
        const bound = absolute(out);
        if (name === "sum") referenceKernels.sum(absolute(x), bound, layout);
        return [bound];
      },
    };
  };
}

const argmax: CallMaker = (random, size) => {
  const layout = axisLayout(random, size);
  const { outer, inner } = layout;
  // Few different values: the first of several largest counts.
  const x = uniform(random, outer * layout.size * inner).map(Math.round);
  return {
    start: [x, new Int32Array(outer * inner).fill(-1)],
    results: [1],
    run: (kernels, [from, to]) => kernels.argmax(n(from), to as Int32Array, layout),
    bounds: () => [map(outer * inner, () => 0)],
  };
};

function indexed(name: "takeRows" | "addRows" | "gatherElements" | "addElements"): CallMaker {
  return (random, size) => {
    const layout = axisLayout(random, size);
    const { outer, inner } = layout;
    const count = upTo(random, 40);
    const all = name === "gatherElements" || name === "addElements";
    const indices = Int32Array.from({ length: all ? outer * count * inner : count }, () => random.integer(layout.size));
    const large = uniform(random, outer * layout.size * inner);
    const small = uniform(random, outer * count * inner);
    const adds = name === "addRows" || name === "addElements";
    return {
      start: adds ? [small, indices, large] : [large, indices, empty(small.length)],
      results: [2],
      run: (kernels, [x, at, out]) => kernels[name](n(x), at as Int32Array, n(out), { ...layout, count }),
      bounds([x, at, out], after) {
        if (!adds) return [absolute(after[2])];
        const bound = absolute(out);
        referenceKernels[name](absolute(x), Int32Array.from(at), bound, { ...layout, count });
        return [bound];
      },
    };
  };
}

function strided(name: "copyStrided" | "addStrided"): CallMaker {
  return (random, size) => {
    const rank = random.integer(6);
    const sizes = Array.from({ length: rank }, () => upTo(random, rank === 0 ? 1 : size ** (1 / rank)));
    // A permutation of a contiguous array with gaps; now and then a repeated axis.
    const order = random.permutation(rank);
    const strides = new Array<number>(rank);
    let step = random.integer(4) === 0 ? 2 : 1;
    for (const axis of order) {
      strides[axis] = random.integer(8) === 0 ? 0 : step;
      step *= sizes[axis] + random.integer(2);
    }
    const start = random.integer(4);
    const view = { sizes, strides, start };
    const elements = sizes.reduce((product, one) => product * one, 1);
    const reach = start + 1 + sizes.reduce((sum, one, axis) => sum + (one - 1) * strides[axis], 0);
    const viewed = uniform(random, reach);
    const flat = uniform(random, elements);
    const adds = name === "addStrided";
    return {
      start: adds ? [flat, viewed] : [viewed, empty(elements)],
      results: [1],
      run: (kernels, [x, out]) => kernels[name](n(x), n(out), view),
      bounds([x, out], after) {
        if (!adds) return [absolute(after[1])];
        const bound = absolute(out);
        referenceKernels.addStrided(absolute(x), bound, view);
        return [bound];
      },
    };
  };
}

const softmax: CallMaker = (random, size) => {
  const layout = rowsAndColumns(random, size);
  const length = layout.rows * layout.columns;
  return {
    start: [uniform(random, length, -9, 9), empty(length)],
    results: [1],
    run: (kernels, [x, out]) => kernels.softmax(n(x), n(out), layout),
    bounds: (_, [, out]) => [absolute(out)],
  };
};

const logSoftmax: CallMaker = (random, size) => {
  const layout = rowsAndColumns(random, size);
  const length = layout.rows * layout.columns;
  return {
    start: [uniform(random, length, -9, 9), empty(length)],
    results: [1],
    run: (kernels, [x, out]) => kernels.logSoftmax(n(x), n(out), layout),
    bounds: ([x], [, out]) => [map(length, (i) => Math.abs(x[i]) + Math.abs(out[i] - x[i]))],
  };
};

const softmaxBackward: CallMaker = (random, size) => {
  const layout = rowsAndColumns(random, size);
  const length = layout.rows * layout.columns;
  return {
    start: [uniform(random, length, 0, 1), uniform(random, length), empty(length)],
    results: [2],
    run: (kernels, [y, gradient, out]) => kernels.softmaxBackward(n(y), n(gradient), n(out), layout),
    bounds([y, gradient]) {
      return [
        map(length, (i) => {
          const row = Math.floor(i / layout.columns) * layout.columns;
          let dot = Math.abs(gradient[i]);
          for (let c = row; c < row + layout.columns; c++) dot += Math.abs(y[c] * gradient[c]);
          return y[i] * dot;
        }),
      ];
    },
  };
};

const layerNorm: CallMaker = (random, size) => {
  const { rows, columns } = rowsAndColumns(random, size);
  const x = uniform(random, rows * columns);
  const layout = { rows, columns, epsilon: 1e-5 };
  // A single column has no variance: all of x̂ would be rounding.
  if (columns < 3) layout.epsilon = 1;
  return {
    start: [x, uniform(random, columns), uniform(random, columns), empty(x.length), empty(rows), empty(rows)],
    results: [3, 4, 5],
    run: (kernels, [from, weight, bias, out, mean, rstd]) =>
      kernels.layerNorm(n(from), n(weight), n(bias), n(out), n(mean), n(rstd), layout),
    bounds: ([from, weight, bias], [, , , , mean, rstd]) => [
      map(rows * columns, (i) => {
        const [r, c] = [Math.floor(i / columns), i % columns];
        return (Math.abs(from[i]) + Math.abs(mean[r])) * rstd[r] * Math.abs(weight[c]) + Math.abs(bias[c]);
      }),
      rowSums(absolute(from), rows, columns).map((sum) => sum / columns),
      rstd,
    ],
  };
};

const residualLayerNorm: CallMaker = (random, size) => {
  const { rows, columns } = rowsAndColumns(random, size);
  const [x, change] = [uniform(random, rows * columns), uniform(random, rows * columns)];
  const layout = { rows, columns, epsilon: columns < 3 ? 1 : 1e-5 };
  const parameters = [uniform(random, columns), uniform(random, columns)];
  return {
    start: [x, change, ...parameters, empty(x.length), empty(x.length), empty(rows), empty(rows)],
    results: [4, 5, 6, 7],
    run: (kernels, [from, added, weight, bias, sum, out, mean, rstd]) =>
      kernels.residualLayerNorm(n(from), n(added), n(weight), n(bias), n(sum), n(out), n(mean), n(rstd), layout),
    bounds: ([from, added, weight, bias], [, , , , , , mean, rstd]) => {
      const size = map(rows * columns, (i) => Math.abs(from[i]) + Math.abs(added[i]));
      return [
        size,
        map(rows * columns, (i) => {
          const [r, c] = [Math.floor(i / columns), i % columns];
          return (size[i] + Math.abs(mean[r])) * rstd[r] * Math.abs(weight[c]) + Math.abs(bias[c]);
        }),
        rowSums(size, rows, columns).map((sum) => sum / columns),
        rstd,
      ];
    },
  };
};

function statistics(x: Float32Array, rows: number, columns: number): { mean: Float32Array; rstd: Float32Array } {
  const mean = new Float32Array(rows);
  const rstd = new Float32Array(rows);
  const ones = new Float32Array(columns).fill(1);
  const layout = { rows, columns, epsilon: 1e-2 };
  referenceKernels.layerNorm(x, ones, new Float32Array(columns), new Float32Array(x.length), mean, rstd, layout);
  return { mean, rstd };
}

const layerNormBackward: CallMaker = (random, size) => {
  const { rows, columns } = rowsAndColumns(random, size);
  const x = uniform(random, rows * columns);
  const { mean, rstd } = statistics(x, rows, columns);
  return {
    start: [x, uniform(random, columns), mean, rstd, uniform(random, x.length), empty(x.length)],
    results: [5],
    run: (kernels, [from, weight, center, inverse, gradient, out]) =>
      kernels.layerNormBackward(n(from), n(weight), n(center), n(inverse), n(gradient), n(out), { rows, columns }),
    bounds: ([from, weight, center, inverse, gradient]) => {
      const normal = (i: number, r: number) => (Math.abs(from[i]) + Math.abs(center[r])) * inverse[r];
      return [
        map(rows * columns, (i) => {
          const r = Math.floor(i / columns);
          let sum = 0;
          let dot = 0;
          for (let c = 0; c < columns; c++) {
            const scaled = Math.abs(gradient[r * columns + c] * weight[c]);
            sum += scaled;
            dot += scaled * normal(r * columns + c, r);
          }
          const own = Math.abs(gradient[i] * weight[i % columns]);
          return inverse[r] * (own + sum / columns + (normal(i, r) * dot) / columns);
        }),
      ];
    },
  };
};

const layerNormParametersBackward: CallMaker = (random, size) => {
  const { rows, columns } = rowsAndColumns(random, size);
  const x = uniform(random, rows * columns);
  const { mean, rstd } = statistics(x, rows, columns);
  return {
    start: [x, mean, rstd, uniform(random, x.length), empty(columns), empty(columns)],
    results: [4, 5],
    run: (kernels, [from, center, inverse, gradient, forWeight, forBias]) =>
      kernels.layerNormParametersBackward(n(from), n(center), n(inverse), n(gradient), n(forWeight), n(forBias), {
        rows,
        columns,
      }),
    bounds([from, center, inverse, gradient]) {
      const forWeight = new Float64Array(columns);
      const forBias = new Float64Array(columns);
      for (let i = 0; i < rows * columns; i++) {
        const r = Math.floor(i / columns);
        forWeight[i % columns] += Math.abs(gradient[i]) * (Math.abs(from[i]) + Math.abs(center[r])) * inverse[r];
        forBias[i % columns] += Math.abs(gradient[i]);
      }
      return [forWeight, forBias];
    },
  };
};

const dropout: CallMaker = (random, size) => {
  const options = { probability: random.uniform() * 0.9, seed: [random.bits(), random.bits()] as [number, number] };
  return {
    start: [uniform(random, size), empty(size)],
    results: [1],
    run: (kernels, [x, out]) => kernels.dropout(n(x), n(out), options),
    bounds: (_, [, out]) => [absolute(out)],
  };
};

function crossEntropyLayout(random: Random, size: number) {
  const { rows, columns } = rowsAndColumns(random, size);
  const labelSmoothing = random.integer(2) * 0.1;
  return { rows, columns, ignoreIndex: random.integer(2) === 0 ? -1 : random.integer(columns), labelSmoothing };
}

const crossEntropy: CallMaker = (random, size) => {
  const layout = crossEntropyLayout(random, size);
  const { rows, columns } = layout;
  const targets = Int32Array.from({ length: rows }, () => random.integer(columns));
  return {
    start: [uniform(random, rows * columns, -9, 9), targets, empty(rows), empty(rows)],
    results: [2, 3],
    run: (kernels, [logits, wanted, losses, logSumExps]) =>
      kernels.crossEntropy(n(logits), wanted as Int32Array, n(losses), n(logSumExps), layout),
    bounds: (_, [, , , logSumExps]) => [
      map(rows, (r) => Math.abs(logSumExps[r]) + 9),
      map(rows, (r) => Math.abs(logSumExps[r]) + 1),
    ],
  };
};

const crossEntropyBackward: CallMaker = (random, size) => {
  const layout = crossEntropyLayout(random, size);
  const { rows, columns } = layout;
  const targets = Int32Array.from({ length: rows }, () => random.integer(columns));
  const logits = uniform(random, rows * columns, -9, 9);
  const logSumExps = new Float32Array(rows);
  referenceKernels.crossEntropy(logits, targets, new Float32Array(rows), logSumExps, layout);
  return {
    start: [logits, targets, logSumExps, uniform(random, rows), empty(rows * columns)],
    results: [4],
    run: (kernels, [x, wanted, sums, gradient, out]) =>
      kernels.crossEntropyBackward(n(x), wanted as Int32Array, n(sums), n(gradient), n(out), layout),
    bounds: ([x, , sums, gradient]) => [
      map(rows * columns, (i) => {
        const r = Math.floor(i / columns);
        // The exponent is a difference of numbers up to 9 and the log-sum-exp.
        const weight = Math.exp(x[i] - sums[r]) * (1 + 0.01 * (Math.abs(x[i]) + Math.abs(sums[r])));
        return (
          Math.abs(gradient[r]) * (weight + (i % columns === targets[r] ? 1 : 0) + layout.labelSmoothing / columns)
        );
      }),
    ],
  };
};

/** A call of an attention kernel but for its operands: the mask, if there is one, comes last among them. */
interface AttentionCase {
  layout: AttentionLayout;
  mask: Float32Array[];
}

function attentionCase(random: Random, mostTokens: number): AttentionCase {
  const tokens = upTo(random, mostTokens);
  const headSize = upTo(random, 33);
  const [batches, heads] = [upTo(random, 2), upTo(random, 3)];
  const layout: AttentionLayout = {
    ...{ batches, tokens, heads, headSize },
    causal: random.integer(2) === 0,
    scale: 1 / Math.sqrt(headSize),
    dropoutProbability: random.integer(2) * 0.3,
    dropoutSeed: [random.bits(), random.bits()],
  };
  if (random.integer(2) === 0) return { layout, mask: [] };
  // Any of the four axes may be stretched; some queries are left without any key.
  const sizes = [batches, heads, tokens, tokens].map((size) => (random.integer(3) === 0 ? 1 : size));
  const strides = sizes.map((size, axis) => (size === 1 ? 0 : sizes.slice(axis + 1).reduce((a, b) => a * b, 1)));
  const values = new Float32Array(sizes.reduce((a, b) => a * b, 1));
  const share = random.uniform();
  for (let row = 0; row < values.length; row += sizes[3]) {
    const isBlind = random.integer(4) === 0;
    for (let i = 0; i < sizes[3]; i++)
      values[row + i] = isBlind || random.uniform() < share ? 0 : 1 + random.integer(2);
  }
  const mask = { values, strides: strides as [number, number, number, number] };
  return { layout: { ...layout, mask }, mask: [values] };
}

/** The layout with the mask among the operands. */
function withMask(layout: AttentionLayout, values: Operand | undefined): AttentionLayout {
  return { ...layout, mask: layout.mask && { ...layout.mask, values: n(values!) } };
}

export function attentionCall(random: Random, mostTokens: number): KernelCall {
  const { layout, mask } = attentionCase(random, mostTokens);
  const { batches, tokens, heads, headSize } = layout;
  const channels = heads * headSize;
  const qkv = uniform(random, batches * tokens * 3 * channels, -1.5, 1.5);
  return {
    start: [qkv, empty(batches * tokens * channels), empty(batches * heads * tokens), ...mask],
    results: [1, 2],
    run: (kernels, [from, out, sums, values]) => kernels.attention(n(from), n(out), n(sums), withMask(layout, values)),
    bounds([from, out, sums]) {
      const positive = Float64Array.from(from);
      for (let i = 0; i < positive.length; i++) if (i % (3 * channels) >= 2 * channels) positive[i] = Math.abs(from[i]);
      referenceKernels.attention(positive, out, sums, layout);
      return [out, map(sums.length, (i) => Math.abs(sums[i]) + 1)];
    },
  };
}

/** The gradient with every term of every sum in absolute values. */
function absoluteAttentionBackward(
  [qkv, out, sums, gradient]: Numbers[],
  { batches, tokens, heads, headSize, causal, mask, scale, dropoutProbability, dropoutSeed }: AttentionLayout,
): Float64Array {
  const channels = heads * headSize;
  const bound = new Float64Array(qkv.length);
  for (let head = 0; head < batches * heads; head++) {
    const batch = Math.floor(head / heads);
    const first = (head % heads) * headSize;
    const at = (token: number, part: number, d: number) =>
      (batch * tokens + token) * 3 * channels + part * channels + first + d;
    const outAt = (token: number, d: number) => (batch * tokens + token) * channels + first + d;
    const isSeen = (i: number, j: number) => {
      if (causal && j > i) return false;
      if (mask === undefined) return true;
      const [ofBatch, ofHead, ofQuery, ofKey] = mask.strides;
      return mask.values[batch * ofBatch + (head % heads) * ofHead + i * ofQuery + j * ofKey] !== 0;
    };
    for (let i = 0; i < tokens; i++) {
      let inner = 0;
      for (let d = 0; d < headSize; d++) inner += Math.abs(gradient[outAt(i, d)] * out[outAt(i, d)]);
      const isBlind = sums[head * tokens + i] === HIDDEN_SCORE;
      for (let j = 0; j < tokens; j++) {
        if (!isBlind && !isSeen(i, j)) continue;
        let dot = 0;
        let forWeight = 0;
        for (let d = 0; d < headSize; d++) {
          dot += qkv[at(i, 0, d)] * qkv[at(j, 1, d)];
          forWeight += Math.abs(gradient[outAt(i, d)] * qkv[at(j, 2, d)]);
        }
        const weight = isBlind ? 1 / tokens : Math.exp(scale * dot - sums[head * tokens + i]);
        const isDropped =
          dropoutProbability > 0 &&
          dropoutBits(dropoutSeed, (head * tokens + i) * tokens + j) < dropoutThreshold(dropoutProbability);
        const factor = isDropped ? 0 : 1 / (1 - dropoutProbability);
        const forScore = isBlind ? 0 : scale * weight * (forWeight * factor + inner);
        for (let d = 0; d < headSize; d++) {
          bound[at(j, 2, d)] += weight * factor * Math.abs(gradient[outAt(i, d)]);
          bound[at(i, 0, d)] += forScore * Math.abs(qkv[at(j, 1, d)]);
          bound[at(j, 1, d)] += forScore * Math.abs(qkv[at(i, 0, d)]);
        }
      }
    }
  }
  return bound;
}

export function attentionBackwardCall(random: Random, mostTokens: number): KernelCall {
  const { layout, mask } = attentionCase(random, mostTokens);
  const { batches, tokens, heads, headSize } = layout;
  const channels = heads * headSize;
  const qkv = uniform(random, batches * tokens * 3 * channels, -1.5, 1.5);
  const out = new Float32Array(batches * tokens * channels);
  const logSumExps = new Float32Array(batches * heads * tokens);
  referenceKernels.attention(qkv, out, logSumExps, layout);
  return {
    start: [qkv, out, logSumExps, uniform(random, out.length), empty(qkv.length), ...mask],
    results: [4],
    run: (kernels, [from, y, sums, gradient, to, values]) =>
      kernels.attentionBackward(n(from), n(y), n(sums), n(gradient), n(to), withMask(layout, values)),
    bounds: (before) => [absoluteAttentionBackward(before, layout)],
  };
}

export function cachedAttentionCall(random: Random, mostTokens: number): KernelCall {
  const [tokens, past] = [upTo(random, 3), random.integer(Math.ceil(mostTokens))];
  const [heads, headSize] = [upTo(random, 3), upTo(random, 33)];
  const channels = heads * headSize;
  // A cache has room for more than it holds.
  const capacity = past + tokens + random.integer(3);
  const layout = { tokens, past, capacity, heads, headSize, scale: 1 / Math.sqrt(headSize) };
  const cached = () => uniform(random, capacity * channels, -1.5, 1.5);
  return {
    start: [uniform(random, tokens * 3 * channels, -1.5, 1.5), cached(), cached(), empty(tokens * channels)],
    results: [3],
    run: (kernels, [from, keys, values, out]) => kernels.cachedAttention(n(from), n(keys), n(values), n(out), layout),
    bounds([from, keys, values, out]) {
      referenceKernels.cachedAttention(from, keys, absolute(values), out, layout);
      return [out];
    },
  };
}

/** Tokens of a call of about this size. */
const tokensOf = (size: number) => Math.sqrt(size) * 3;
const attention: CallMaker = (random, size) => attentionCall(random, tokensOf(size));
const cachedAttention: CallMaker = (random, size) => cachedAttentionCall(random, tokensOf(size));
const attentionBackward: CallMaker = (random, size) => attentionBackwardCall(random, tokensOf(size));

export interface MatmulSizes {
  rows: number;
  columns: number;
  inner: number;
}

/** A product with random transposition, gaps between rows, two batch axes, accumulation and bias. */
export function matmulCall(random: Random, { rows, columns, inner }: MatmulSizes): KernelCall {
  const batches = [upTo(random, 2), upTo(random, 3)] as const;
  const transposeA = random.integer(2) === 0;
  const transposeB = random.integer(2) === 0;
  const aRow = (transposeA ? rows : inner) + random.integer(3);
  const bRow = (transposeB ? inner : columns) + random.integer(3);
  const outRow = columns + random.integer(3);
  const aSize = (transposeA ? inner : rows) * aRow;
  const bSize = (transposeB ? columns : inner) * bRow;
  const outSize = rows * outRow;
  const bias = random.integer(3) === 0 ? uniform(random, columns) : undefined;
  const layout: MatmulLayout = {
    ...{ rows, columns, inner, transposeA, transposeB, aRow, bRow, outRow, batches },
    aBatch: [batches[1] * aSize, aSize],
    // Now and then one B for all.
    bBatch: random.integer(3) === 0 ? [0, 0] : [batches[1] * bSize, bSize],
    outBatch: [batches[1] * outSize, outSize],
    accumulate: random.integer(3) === 0,
  };
  const count = batches[0] * batches[1];
  const a = uniform(random, count * aSize, -1, 1);
  const b = uniform(random, count * bSize, -1, 1);
  const out = layout.accumulate ? uniform(random, count * outSize) : new Float32Array(count * outSize);
  return {
    start: bias === undefined ? [a, b, out] : [a, b, out, bias],
    results: [2],
    run: (kernels, [x, y, z, offset]) => kernels.matmul(n(x), n(y), n(z), { ...layout, bias: offset && n(offset) }),
    bounds([x, y, z, offset]) {
      const bound = absolute(z);
      referenceKernels.matmul(absolute(x), absolute(y), bound, { ...layout, bias: offset && absolute(offset) });
      return [bound];
    },
  };
}

const EPILOGUES = ["gelu", "geluTanh", "geluBackward", "geluTanhBackward", undefined] as const;

/** A product with what may be done with it: accumulation, bias, residual and epilogue in any combination. */
export function finishedMatmulCall(random: Random, { rows, columns, inner }: MatmulSizes): KernelCall {
  const transposeA = random.integer(2) === 0;
  const transposeB = random.integer(2) === 0;
  const plain: MatmulLayout = {
    ...{ rows, columns, inner, transposeA, transposeB },
    ...{ aRow: transposeA ? rows : inner, bRow: transposeB ? inner : columns, outRow: columns },
    ...{ batches: [1, 1], aBatch: [0, 0], bBatch: [0, 0], outBatch: [0, 0] },
  };
  const [hasBias, hasResidual, accumulate] = [0, 0, 0].map(() => random.integer(2) === 0);
  const name = EPILOGUES[random.integer(EPILOGUES.length)];
  const size = rows * columns;
  const keepsSums = name === "gelu" || name === "geluTanh";
  const layoutOf = ([, , , bias, residual, inputs]: Operand[]): MatmulLayout => ({
    ...plain,
    accumulate,
    ...(hasBias && { bias: n(bias) }),
    ...(hasResidual && { residual: n(residual) }),
    ...(name !== undefined && { epilogue: { name, inputs: n(inputs) } }),
  });
  return {
    start: [
      ...[uniform(random, rows * inner, -1, 1), uniform(random, inner * columns, -1, 1)],
      ...[accumulate ? uniform(random, size) : empty(size), uniform(random, columns), uniform(random, size)],
      keepsSums ? empty(size) : uniform(random, size),
    ],
    results: keepsSums ? [2, 5] : [2],
    run: (kernels, operands) => kernels.matmul(n(operands[0]), n(operands[1]), n(operands[2]), layoutOf(operands)),
    bounds(before) {
      const sizes = before.map(absolute);
      const sums = Float64Array.from(sizes[2]);
      referenceKernels.matmul(sizes[0], sizes[1], sums, { ...layoutOf(sizes), epilogue: undefined });
      // |f′| and |f″| of both forms of GELU stay below 1.2.
      const slope = (i: number) => (name === undefined ? 1 : keepsSums ? 1.2 : 1.2 * (1 + sizes[5][i]));
      return [map(size, (i) => sums[i] * slope(i)), ...(keepsSums ? [sums] : [])];
    },
  };
}

const matmul: CallMaker = (random, size) => {
  const most = Math.min(70, Math.ceil(Math.sqrt(size) * 2));
  const sizes = { rows: upTo(random, most), columns: upTo(random, most), inner: upTo(random, most) };
  return random.integer(2) === 0 ? matmulCall(random, sizes) : finishedMatmulCall(random, sizes);
};

/** `size` in up to seven parts, of which some may be empty. */
function drawLengths(random: Random, size: number): number[] {
  const cuts = Array.from({ length: random.integer(7) }, () => random.integer(size + 1)).sort((a, b) => a - b);
  return [...cuts, size].map((end, part) => end - (cuts[part - 1] ?? 0));
}

const adamw: CallMaker = (random, size) => {
  const step = { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, gradientScale: 0.7 };
  const tensors = drawLengths(random, size).map((length) => ({
    length,
    weightDecay: 0.2 * random.uniform(),
    biasCorrection1: 0.1 + 0.9 * random.uniform(),
    biasCorrection2: 0.001 + 0.9 * random.uniform(),
  }));
  return {
    start: tensors.flatMap(({ length }) => [
      uniform(random, length),
      uniform(random, length),
      uniform(random, length),
      uniform(random, length, 0.1, 3),
    ]),
    results: tensors.flatMap((_, i) => [4 * i, 4 * i + 2, 4 * i + 3]),
    run(kernels, operands) {
      const updates = tensors.map((constants, i) => {
        const [parameter, gradient, m, v] = operands.slice(4 * i, 4 * i + 4).map(n);
        return { parameter, gradient, m, v, ...constants };
      });
      return kernels.adamw(updates, step);
    },
    bounds: (before, after) =>
      tensors.flatMap(({ length, biasCorrection1, biasCorrection2 }, i) => {
        const [parameter, gradient, m] = before.slice(4 * i);
        const v = after[4 * i + 3];
        const moved = map(length, (k) => Math.abs(m[k]) + Math.abs(gradient[k]));
        const change = (k: number) => (0.01 * moved[k]) / biasCorrection1 / Math.sqrt(v[k] / biasCorrection2);
        return [map(length, (k) => Math.abs(parameter[k]) + change(k)), moved, v];
      }),
  };
};

const sumOfSquares: CallMaker = (random, size) => ({
  // Several times as long: some of them more than one chunk.
  start: drawLengths(random, 5 * size).map((length) => uniform(random, length)),
  results: [],
  run: (kernels, tensors) => kernels.sumOfSquares(tensors.map(n)),
  bounds: () => [],
});

const where: CallMaker = (random, size) => ({
  start: [uniform(random, size).map((x) => Number(x > 0)), uniform(random, size), uniform(random, size), empty(size)],
  results: [3],
  run: (kernels, [condition, a, b, out]) => kernels.where(n(condition), n(a), n(b), n(out)),
  bounds: () => [map(size, () => 0)],
});

const fill: CallMaker = (random, size) => {
  const value = Math.fround(random.normal());
  return {
    start: [empty(size)],
    results: [0],
    run: (kernels, [out]) => kernels.fill(n(out), value),
    bounds: () => [map(size, () => 0)],
  };
};

const scale: CallMaker = (random, size) => {
  const factor = random.normal();
  return {
    start: [uniform(random, size), empty(size)],
    results: [1],
    run: (kernels, [x, out]) => kernels.scale(n(x), n(out), factor),
    bounds: (_, [, out]) => [absolute(out)],
  };
};

const accumulate: CallMaker = (random, size) => ({
  start: [uniform(random, size), uniform(random, size)],
  results: [1],
  run: (kernels, [x, out]) => kernels.accumulate(n(x), n(out)),
  bounds: ([x, out]) => [map(size, (i) => Math.abs(x[i]) + Math.abs(out[i]))],
});

/** Every kernel of the interface. */
export const kernelCases: Record<keyof Kernels, CallMaker> = {
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div"),
  pow: binary("pow"),
  maximum: binary("maximum"),
  minimum: binary("minimum"),
  equal: binary("equal"),
  less: binary("less"),
  lessEqual: binary("lessEqual"),
  neg: unary("neg"),
  exp: unary("exp"),
  log: unary("log"),
  sqrt: unary("sqrt"),
  abs: unary("abs"),
  sign: unary("sign"),
  tanh: unary("tanh"),
  sigmoid: unary("sigmoid"),
  relu: unary("relu"),
  erf: unary("erf"),
  gelu: unary("gelu"),
  geluTanh: unary("geluTanh"),
  silu: unary("silu"),
  geluBackward: unaryBackward("geluBackward"),
  geluTanhBackward: unaryBackward("geluTanhBackward"),
  siluBackward: unaryBackward("siluBackward"),
  where,
  fill,
  scale,
  accumulate,
  copyStrided: strided("copyStrided"),
  addStrided: strided("addStrided"),
  takeRows: indexed("takeRows"),
  addRows: indexed("addRows"),
  gatherElements: indexed("gatherElements"),
  addElements: indexed("addElements"),
  sum: sums("sum"),
  max: sums("max"),
  argmax,
  softmax,
  softmaxBackward,
  logSoftmax,
  layerNorm,
  residualLayerNorm,
  layerNormBackward,
  layerNormParametersBackward,
  dropout,
  crossEntropy,
  crossEntropyBackward,
  attention,
  attentionBackward,
  cachedAttention,
  matmul,
  adamw,
  sumOfSquares,
};

/** A random seed and a size for a {@link CallMaker}. */
export const seedAndSize = (most: number) =>
  fc.record({ seed: fc.integer({ min: 0, max: 2 ** 30 }), size: fc.integer({ min: 1, max: most }) });

/** Runs a call on operands that lie in the memory, between words that must stay; returns what became of them. */
export function runIn(memory: Memory, kernels: Kernels, call: KernelCall): Outcome {
  const guard = 0x5afe5afe;
  const blocks = call.start.map((operand) => {
    const sizeBytes = operand.byteLength + 128;
    const address = memory.allocate(sizeBytes);
    return { operand, sizeBytes, address };
  });
  const views = blocks.map(({ operand, sizeBytes, address }) => {
    new Int32Array(memory.buffer as ArrayBuffer, address, sizeBytes / 4).fill(guard);
    const Type = operand instanceof Int32Array ? Int32Array : Float32Array;
    const view = new Type(memory.buffer as ArrayBuffer, address + 64, operand.length);
    view.set(operand);
    return view;
  });
  const value = call.run(kernels, views);
  const operands = blocks.map(({ operand, sizeBytes, address }) => {
    const words = new Int32Array(memory.buffer as ArrayBuffer, address, sizeBytes / 4);
    for (let i = 0; i < words.length; i++) {
      const isOutside = i < 16 || i >= 16 + operand.length;
      if (isOutside && words[i] !== guard)
        throw new Error(`word ${i - 16} beside an operand of ${operand.length} was written`);
    }
    const Type = operand instanceof Int32Array ? Int32Array : Float32Array;
    return new Type(memory.buffer as ArrayBuffer, address + 64, operand.length).slice();
  });
  for (const { address, sizeBytes } of blocks) memory.release(address, sizeBytes);
  return { operands, value };
}

/** Throws unless a call gives the f64 reference's numbers within 1e-5 of the bounds, with each of the kernel sets. */
export function checkAgainstReference(memory: Memory, sets: readonly Kernels[], call: KernelCall): void {
  const exact = call.start.map((operand) =>
    operand instanceof Int32Array ? operand.slice() : Float64Array.from(operand),
  );
  const value = call.run(referenceKernels, exact);
  const before = call.start.map((operand) => Float64Array.from(operand));
  const bounds = call.bounds(before, exact as Numbers[]);
  for (const kernels of sets) compare(runIn(memory, kernels, call), { operands: exact, value }, bounds, call);
}

interface Outcome {
  operands: Operand[];
  value: unknown;
}

/** Throws unless all outcomes of a call have the same bits. */
export function checkEqualBits(call: KernelCall, [one, ...others]: readonly Outcome[]): void {
  for (const other of others) {
    if (!Object.is(other.value, one.value)) throw new Error(`${other.value} instead of ${one.value}`);
    for (const operand of call.results) {
      const [is, should] = [other, one].map(({ operands }) => bitsOf(operands[operand]));
      const at = is.findIndex((bits, i) => bits !== should[i]);
      if (at >= 0)
        throw new Error(
          `operand ${operand}, element ${at}: ${other.operands[operand][at]} instead of ${one.operands[operand][at]}`,
        );
    }
  }
}

function bitsOf({ buffer, byteOffset, length, BYTES_PER_ELEMENT }: Operand): Uint32Array {
  return new Uint32Array(buffer, byteOffset, (length * BYTES_PER_ELEMENT) / 4);
}

function compare(fast: Outcome, exact: Outcome, bounds: ArrayLike<number>[], call: KernelCall): void {
  if (typeof exact.value === "number" && !(Math.abs(Number(fast.value) - exact.value) <= 1e-12 * exact.value)) {
    throw new Error(`${fast.value} instead of ${exact.value}`);
  }
  call.results.forEach((operand, result) => {
    for (let i = 0; i < exact.operands[operand].length; i++) {
      const [is, should] = [fast.operands[operand][i], exact.operands[operand][i]];
      const allowed = 1e-5 * bounds[result][i] + 1e-36;
      if (!(Math.abs(is - should) <= allowed)) {
        throw new Error(`operand ${operand}, element ${i}: ${is} instead of ${should} ± ${allowed}`);
      }
    }
  });
  call.start.forEach((operand, at) => {
    if (call.results.includes(at)) return;
    for (let i = 0; i < operand.length; i++) {
      if (!Object.is(fast.operands[at][i], operand[i])) {
        throw new Error(`operand ${at}, element ${i}, is only read and was changed`);
      }
    }
  });
}
