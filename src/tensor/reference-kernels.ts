/**
 * Every kernel as plain loops, in f32 and f64: the executable specification that the fast sets are tested against.
 *
 * Sums run in double precision, as JavaScript's numbers do, and are rounded when they are stored.
 */

import { erf, normalDensity } from "./erf.ts";
import {
  type AxisLayout,
  type BinaryKernel,
  type Kernels,
  type Numbers,
  SUM_CHUNK,
  type UnaryBackwardKernel,
  type UnaryKernel,
} from "./kernels.ts";
import { finishProduct } from "./matmul-epilogue.ts";
import { dropoutBits, dropoutThreshold } from "./random.ts";
import { attention, attentionBackward, cachedAttention } from "./reference-attention.ts";

function binary(f: (a: number, b: number) => number): BinaryKernel {
  return (a, b, out, { rows, columns, outStart, aStart, aRow, aColumn, bStart, bRow, bColumn }) => {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        out[outStart + r * columns + c] = f(a[aStart + r * aRow + c * aColumn], b[bStart + r * bRow + c * bColumn]);
      }
    }
  };
}

function unary(f: (x: number) => number): UnaryKernel {
  return (x, out) => {
    for (let i = 0; i < out.length; i++) out[i] = f(x[i]);
  };
}

function unaryBackward(derivative: (operand: number) => number): UnaryBackwardKernel {
  return (operand, gradient, out) => {
    for (let i = 0; i < out.length; i++) out[i] = gradient[i] * derivative(operand[i]);
  };
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

// tanh form of GELU: ½x(1 + tanh(u)), u = √(2/π)(x + 0.044715x³)
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;
const geluInner = (x: number) => GELU_SCALE * (x + GELU_CUBE * x * x * x);

function geluTanhDerivative(x: number): number {
  const t = Math.tanh(geluInner(x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBE * x * x);
}

/** Walks a strided view in row-major order. */
function forEachStrided(
  { sizes, strides, start }: { sizes: readonly number[]; strides: readonly number[]; start: number },
  use: (flat: number, strided: number) => void,
): void {
  const rank = sizes.length;
  if (sizes.some((size) => size === 0)) return;
  const index = new Array<number>(rank).fill(0);
  let strided = start;
  for (let flat = 0; ; flat++) {
    use(flat, strided);
    let axis = rank - 1;
    for (; axis >= 0; axis--) {
      strided += strides[axis];
      if (++index[axis] < sizes[axis]) break;
      strided -= sizes[axis] * strides[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

function reduce(
  x: Numbers,
  out: { [index: number]: number },
  { outer, size, inner }: AxisLayout,
  finish: (at: (k: number) => number, size: number) => number,
): void {
  for (let o = 0; o < outer; o++) {
    for (let n = 0; n < inner; n++) {
      const start = o * size * inner + n;
      out[o * inner + n] = finish((k) => x[start + k * inner], size);
    }
  }
}

const layerNorm: Kernels["layerNorm"] = (x, weight, bias, out, mean, rstd, { rows, columns, epsilon }) => {
  for (let r = 0; r < rows; r++) {
    const row = r * columns;
    let total = 0;
    for (let c = 0; c < columns; c++) total += x[row + c];
    const center = total / columns;
    let squares = 0;
    for (let c = 0; c < columns; c++) squares += (x[row + c] - center) ** 2;
    const inverse = 1 / Math.sqrt(squares / columns + epsilon);
    for (let c = 0; c < columns; c++) out[row + c] = (x[row + c] - center) * inverse * weight[c] + bias[c];
    mean[r] = center;
    rstd[r] = inverse;
  }
};

export const referenceKernels: Kernels = {
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  pow: binary((a, b) => a ** b),
  maximum: binary((a, b) => (a >= b || Number.isNaN(a) ? a : b)),
  minimum: binary((a, b) => (a <= b || Number.isNaN(a) ? a : b)),
  equal: binary((a, b) => (a === b ? 1 : 0)),
  less: binary((a, b) => (a < b ? 1 : 0)),
  lessEqual: binary((a, b) => (a <= b ? 1 : 0)),

  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  abs: unary(Math.abs),
  sign: unary(Math.sign),
  tanh: unary(Math.tanh),
  sigmoid: unary(sigmoid),
  relu: unary((x) => (x <= 0 ? 0 : x)),
  erf: unary(erf),
  gelu: unary((x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))),
  geluTanh: unary((x) => 0.5 * x * (1 + Math.tanh(geluInner(x)))),
  silu: unary((x) => x * sigmoid(x)),
  geluBackward: unaryBackward((x) => 0.5 * (1 + erf(x * Math.SQRT1_2)) + x * normalDensity(x)),
  geluTanhBackward: unaryBackward(geluTanhDerivative),
  siluBackward: unaryBackward((x) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
  where(condition, a, b, out) {
    for (let i = 0; i < out.length; i++) out[i] = condition[i] !== 0 ? a[i] : b[i];
  },

  fill(out, value) {
    out.fill(value);
  },
  scale(x, out, factor) {
    for (let i = 0; i < out.length; i++) out[i] = factor * x[i];
  },
  accumulate(x, out) {
    for (let i = 0; i < out.length; i++) out[i] += x[i];
  },

  copyStrided(x, out, view) {
    forEachStrided(view, (flat, strided) => {
      out[flat] = x[strided];
    });
  },
  addStrided(x, out, view) {
    forEachStrided(view, (flat, strided) => {
      out[strided] += x[flat];
    });
  },
  takeRows(x, indices, out, { outer, size, inner }) {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < indices.length; i++) {
        for (let n = 0; n < inner; n++) {
          out[(o * indices.length + i) * inner + n] = x[(o * size + indices[i]) * inner + n];
        }
      }
    }
  },
  addRows(x, indices, out, { outer, size, inner }) {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < indices.length; i++) {
        for (let n = 0; n < inner; n++) {
          out[(o * size + indices[i]) * inner + n] += x[(o * indices.length + i) * inner + n];
        }
      }
    }
  },
  gatherElements(x, indices, out, { outer, size, inner, count }) {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < count; i++) {
        for (let n = 0; n < inner; n++) {
          const at = (o * count + i) * inner + n;
          out[at] = x[(o * size + indices[at]) * inner + n];
        }
      }
    }
  },
  addElements(x, indices, out, { outer, size, inner, count }) {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < count; i++) {
        for (let n = 0; n < inner; n++) {
          const at = (o * count + i) * inner + n;
          out[(o * size + indices[at]) * inner + n] += x[at];
        }
      }
    }
  },

  sum(x, out, layout) {
    reduce(x, out, layout, (at, size) => {
      let total = 0;
      for (let k = 0; k < size; k++) total += at(k);
      return total;
    });
  },
  max(x, out, layout) {
    reduce(x, out, layout, (at, size) => {
      let largest = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < size; k++) largest = Math.max(largest, at(k));
      return largest;
    });
  },
  argmax(x, out, layout) {
    reduce(x, out, layout, (at, size) => {
      let best = 0;
      for (let k = 1; k < size && !Number.isNaN(at(best)); k++) if (!(at(k) <= at(best))) best = k;
      return best;
    });
  },

  softmax(x, out, { rows, columns }) {
    for (let r = 0; r < rows; r++) {
      const row = r * columns;
      const { largest, total } = exponentialSum(x, row, columns);
      for (let c = 0; c < columns; c++) out[row + c] = Math.exp(x[row + c] - largest) / total;
    }
  },
  softmaxBackward(y, gradient, out, { rows, columns }) {
    for (let r = 0; r < rows; r++) {
      const row = r * columns;
      let dot = 0;
      for (let c = 0; c < columns; c++) dot += y[row + c] * gradient[row + c];
      for (let c = 0; c < columns; c++) out[row + c] = y[row + c] * (gradient[row + c] - dot);
    }
  },
  logSoftmax(x, out, { rows, columns }) {
    for (let r = 0; r < rows; r++) {
      const row = r * columns;
      const { largest, total } = exponentialSum(x, row, columns);
      // Subtracted one after the other: their sum would lose the small one's digits.
      const rest = Math.log(total);
      for (let c = 0; c < columns; c++) out[row + c] = x[row + c] - largest - rest;
    }
  },

  layerNorm,
  residualLayerNorm(x, change, weight, bias, sum, out, mean, rstd, layout) {
    for (let i = 0; i < sum.length; i++) sum[i] = x[i] + change[i];
    layerNorm(sum, weight, bias, out, mean, rstd, layout);
  },
  layerNormBackward(x, weight, mean, rstd, gradient, out, { rows, columns }) {
    for (let r = 0; r < rows; r++) {
      const row = r * columns;
      let sum = 0;
      let dot = 0;
      for (let c = 0; c < columns; c++) {
        const scaled = gradient[row + c] * weight[c];
        sum += scaled;
        dot += scaled * (x[row + c] - mean[r]) * rstd[r];
      }
      for (let c = 0; c < columns; c++) {
        const normalised = (x[row + c] - mean[r]) * rstd[r];
        out[row + c] = rstd[r] * (gradient[row + c] * weight[c] - sum / columns - (normalised * dot) / columns);
      }
    }
  },
  layerNormParametersBackward(x, mean, rstd, gradient, weightGradient, biasGradient, { rows, columns }) {
    for (let c = 0; c < columns; c++) {
      let forWeight = 0;
      let forBias = 0;
      for (let r = 0; r < rows; r++) {
        const at = r * columns + c;
        forWeight += gradient[at] * (x[at] - mean[r]) * rstd[r];
        forBias += gradient[at];
      }
      weightGradient[c] = forWeight;
      biasGradient[c] = forBias;
    }
  },

  dropout(x, out, { probability, seed }) {
    const threshold = dropoutThreshold(probability);
    const kept = 1 / (1 - probability);
    for (let i = 0; i < out.length; i++) out[i] = dropoutBits(seed, i) < threshold ? 0 : x[i] * kept;
  },

  crossEntropy(logits, targets, losses, logSumExps, { rows, columns, ignoreIndex, labelSmoothing }) {
    for (let r = 0; r < rows; r++) {
      const row = r * columns;
      const { largest, total } = exponentialSum(logits, row, columns);
      const logSumExp = largest + Math.log(total);
      logSumExps[r] = logSumExp;
      if (targets[r] === ignoreIndex) {
        losses[r] = 0;
        continue;
      }
      let sum = 0;
      if (labelSmoothing > 0) for (let c = 0; c < columns; c++) sum += logits[row + c];
      losses[r] =
        logSumExp -
        (1 - labelSmoothing) * logits[row + targets[r]] -
        (labelSmoothing > 0 ? (labelSmoothing * sum) / columns : 0);
    }
  },
  crossEntropyBackward(logits, targets, logSumExps, gradient, out, { rows, columns, ignoreIndex, labelSmoothing }) {
    for (let r = 0; r < rows; r++) {
      const row = r * columns;
      const factor = targets[r] === ignoreIndex ? 0 : gradient[r];
      for (let c = 0; c < columns; c++) {
        const wanted = (c === targets[r] ? 1 - labelSmoothing : 0) + labelSmoothing / columns;
        out[row + c] = factor === 0 ? 0 : factor * (Math.exp(logits[row + c] - logSumExps[r]) - wanted);
      }
    }
  },

  attention,
  attentionBackward,
  cachedAttention,

  matmul(a, b, out, layout) {
    const { rows, columns, inner, transposeA, transposeB, aRow, bRow, outRow, batches, bias } = layout;
    for (let outer = 0; outer < batches[0]; outer++) {
      for (let within = 0; within < batches[1]; within++) {
        const aStart = outer * layout.aBatch[0] + within * layout.aBatch[1];
        const bStart = outer * layout.bBatch[0] + within * layout.bBatch[1];
        const outStart = outer * layout.outBatch[0] + within * layout.outBatch[1];
        for (let m = 0; m < rows; m++) {
          for (let n = 0; n < columns; n++) {
            let total = bias === undefined ? 0 : bias[n];
            for (let k = 0; k < inner; k++) {
              const left = transposeA ? a[aStart + k * aRow + m] : a[aStart + m * aRow + k];
              const right = transposeB ? b[bStart + n * bRow + k] : b[bStart + k * bRow + n];
              total += left * right;
            }
            const at = outStart + m * outRow + n;
            out[at] = layout.accumulate ? out[at] + total : total;
          }
        }
      }
    }
    finishProduct(referenceKernels, out, layout);
  },

  adamw(updates, { learningRate, beta1, beta2, epsilon, gradientScale }) {
    for (const { parameter, gradient, m, v, weightDecay, biasCorrection1, biasCorrection2 } of updates) {
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i] * gradientScale;
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        const update = m[i] / biasCorrection1 / (Math.sqrt(v[i] / biasCorrection2) + epsilon);
        parameter[i] -= learningRate * (update + weightDecay * parameter[i]);
      }
    }
  },
  sumOfSquares(tensors) {
    let total = 0;
    for (const x of tensors) {
      for (let start = 0; start < x.length; start += SUM_CHUNK) {
        let chunk = 0;
        const end = Math.min(x.length, start + SUM_CHUNK);
        for (let i = start; i < end; i++) chunk += x[i] * x[i];
        total += chunk;
      }
    }
    return total;
  },
};

/** The largest of a row and Σ exp(x − largest). */
function exponentialSum(x: Numbers, row: number, columns: number): { largest: number; total: number } {
  let largest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < columns; c++) largest = Math.max(largest, x[row + c]);
  let total = 0;
  for (let c = 0; c < columns; c++) total += Math.exp(x[row + c] - largest);
  return { largest, total };
}
