import { expect } from "chai";
import { createEngine } from "../../src/tensor/engine.ts";
import type { AttentionLayout, Kernels, MatmulLayout } from "../../src/tensor/kernels.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { referenceKernels } from "../../src/tensor/reference-kernels.ts";
import { TESTED_VARIANTS } from "../variants.ts";
import { countDenormals } from "./denormals.ts";

/** Every variant of the SIMD kernels on a memory of its own, and arrays in it. */
function simdWithMemory() {
  const memory = new Memory();
  const engines = TESTED_VARIANTS.map((variant) => createEngine({ kernels: "simd", variant, threads: 1 }, memory));
  return {
    memory,
    variants: engines.map(({ f32, variant }) => ({ f32, variant: variant! })),
    close: () => engines.forEach((engine) => engine.close()),
    array(length: number, valueAt: (index: number) => number = () => Number.NaN): Float32Array {
      const address = memory.allocate(4 * length);
      const numbers = new Float32Array(memory.buffer as ArrayBuffer, address, length);
      for (let index = 0; index < length; index++) numbers[index] = valueAt(index);
      return numbers;
    },
    indices(values: readonly number[]): Int32Array {
      const address = memory.allocate(4 * values.length);
      const view = new Int32Array(memory.buffer as ArrayBuffer, address, values.length);
      view.set(values);
      return view;
    },
  };
}

/** A number whose logarithm is evenly distributed, of either sign. */
function drawSize(random: Random, smallest: number, largest: number): number {
  return (random.integer(2) === 0 ? -1 : 1) * smallest * (largest / smallest) ** random.uniform();
}

describe("subnormal numbers, which the simd kernels make into zeros", () => {
  const { variants, array, indices, close } = simdWithMemory();
  after(close);
  const random = new Random(5);
  /** Odd: a pair of vectors is cut off at the end of every row. */
  const COLUMNS = 4003;
  const ROWS = 3;
  const out = array(ROWS * COLUMNS);
  const expected = new Float32Array(out.length);

  /** Runs a kernel in all sets. @returns the share of subnormal results that the reference has. */
  function compare(run: (kernels: Kernels, out: Float32Array) => void): number {
    run(referenceKernels, expected);
    for (const { f32, variant } of variants) {
      run(f32, out.fill(Number.NaN));
      expect(countDenormals(out), variant!).to.equal(0);
      for (let i = 0; i < out.length; i++) {
        if (!(Math.abs(out[i] - expected[i]) <= 1e-5 * Math.max(0.1, Math.abs(expected[i]))))
          expect.fail(`${variant}: element ${i} is ${out[i]} instead of ${expected[i]}`);
      }
    }
    return countDenormals(expected) / expected.length;
  }

  /** All from −110 to 10, close together. */
  const spread = array(out.length, (i) => -110 + (120 * i) / out.length);
  /** As the gradients of a mean over many rows: 10⁻⁸ … 10⁻². */
  const small = array(out.length, () => drawSize(random, 1e-8, 1e-2));
  /** Rows that spread over 110 nats. */
  const scores = array(out.length, () => 110 * random.uniform());
  const layout = { rows: ROWS, columns: COLUMNS };

  it("exponentials, logistic functions and GELUs of all x", () => {
    for (const name of ["exp", "sigmoid", "silu", "erf", "gelu", "geluTanh", "tanh"] as const) {
      const share = compare((kernels, to) => kernels[name](spread, to));
      if (["exp", "sigmoid", "silu"].includes(name)) expect(share, name).to.be.greaterThan(0.1);
    }
  });

  it("small gradients times the slopes of GELU and SiLU far out", () => {
    for (const name of ["geluBackward", "geluTanhBackward", "siluBackward"] as const) {
      const share = compare((kernels, to) => kernels[name](spread, small, to));
      // The reference's tanh is −1 there.
      if (name !== "geluTanhBackward") expect(share, name).to.be.greaterThan(0.001);
    }
  });

  it("a softmax's small weights, their gradients and those of cross-entropy", () => {
    const inSoftmax = compare((kernels, to) => kernels.softmax(scores, to, layout));
    expect(inSoftmax).to.be.greaterThan(0.1);

    const weights = array(out.length);
    const inGradient = compare((kernels, to) => {
      kernels.softmax(scores, weights, layout);
      kernels.softmaxBackward(weights, small, to, layout);
    });
    expect(inGradient).to.be.greaterThan(0.05);

    const targets = indices(new Array(ROWS).fill(7));
    const [losses, logSumExps] = [array(ROWS), array(ROWS)];
    const gradient = array(ROWS, () => 1e-3);
    const options = { ...layout, ignoreIndex: -1, labelSmoothing: 0 };
    const inCrossEntropy = compare((kernels, to) => {
      kernels.crossEntropy(scores, targets, losses, logSumExps, options);
      kernels.crossEntropyBackward(scores, targets, logSumExps, gradient, to, options);
    });
    expect(inCrossEntropy).to.be.greaterThan(0.1);
  });
});

/** Of the first head's weights, the share that would be subnormal. */
function shareOfDenormalWeights(qkv: Float32Array, tokens: number, channels: number, headSize: number): number {
  const weights = new Float32Array(tokens * tokens);
  const product: MatmulLayout = {
    ...{ rows: tokens, columns: tokens, inner: headSize, transposeA: false, transposeB: true },
    ...{ aRow: 3 * channels, bRow: 3 * channels, outRow: tokens },
    ...{ batches: [1, 1], aBatch: [0, 0], bBatch: [0, 0], outBatch: [0, 0] },
  };
  referenceKernels.matmul(qkv, qkv.subarray(channels), weights, product);
  referenceKernels.scale(weights, weights, 1 / Math.sqrt(headSize));
  referenceKernels.softmax(weights, weights, { rows: tokens, columns: tokens });
  return countDenormals(weights) / weights.length;
}

describe("attention with saturated softmaxes", () => {
  it("leaves no subnormal number in its results, nor in the scratch of a thread", () => {
    const { memory, variants, array, close } = simdWithMemory();
    after(close);
    const random = new Random(6);
    const shape = { batches: 2, tokens: 61, heads: 2, headSize: 16 };
    const { batches, tokens, heads, headSize } = shape;
    const channels = heads * headSize;
    // Scores of deviation 40 = 6.3²·√16/√16.
    const qkv = array(batches * tokens * 3 * channels, () => 6.3 * random.normal());
    const gradient = array(batches * tokens * channels, () => drawSize(random, 1e-8, 1e-4));
    const [out, qkvGradient] = [array(gradient.length), array(qkv.length)];
    const logSumExps = array(batches * heads * tokens);
    expect(shareOfDenormalWeights(qkv, tokens, channels, headSize)).to.be.greaterThan(0.1);
    const situations = [
      { causal: true, dropoutProbability: 0 },
      { causal: false, dropoutProbability: 0.2 },
    ];
    for (const situation of situations) {
      const layout: AttentionLayout = { ...shape, ...situation, scale: 1 / Math.sqrt(headSize), dropoutSeed: [1, 2] };
      for (const { f32, variant } of variants) {
        f32.attention(qkv, out, logSumExps, layout);
        expect(countDenormals(out), variant).to.equal(0);
        // The scratch, which holds weights and slopes of the last block of queries, lies in the same memory. Its first page
        // is the constants'.
        const everything = new Float32Array(memory.buffer as ArrayBuffer, 65536);
        expect(countDenormals(everything), `${variant}, forward`).to.equal(0);
        f32.attentionBackward(qkv, out, logSumExps, gradient, qkvGradient, layout);
        expect(countDenormals(qkvGradient), variant).to.equal(0);
        expect(countDenormals(everything), `${variant}, backward`).to.equal(0);
      }
    }
  });
});

describe("AdamW's moments", () => {
  const BETAS = { beta1: 0.9, beta2: 0.99 };
  const step = { learningRate: 1e-3, ...BETAS, epsilon: 1e-8, gradientScale: 1 };

  /** Updates of one tensor; the gradients are those of `gradientAt`. */
  function updating(kernels: Kernels, array: (length: number) => Float32Array, length: number) {
    const [parameter, gradient, m, v] = Array.from({ length: 4 }, () => array(length).fill(0));
    parameter.forEach((_, index) => (parameter[index] = Math.sin(index + 1)));
    let t = 0;
    const update = (gradientAt: (index: number) => number) => {
      t++;
      for (let index = 0; index < length; index++) gradient[index] = gradientAt(index);
      const corrections = { biasCorrection1: 1 - BETAS.beta1 ** t, biasCorrection2: 1 - BETAS.beta2 ** t };
      kernels.adamw([{ parameter, gradient, m, v, weightDecay: 0.01, ...corrections }], step);
    };
    return { parameter, m, v, update };
  }

  it("go to zero past the normal range where a row has no gradients for thousands of steps", () => {
    const { variants, array, close } = simdWithMemory();
    after(close);
    const LENGTH = 43;
    const STEPS = 9000;
    const random = new Random(7);
    const first = Array.from({ length: LENGTH }, () => drawSize(random, 1e-15, 1));
    const reference = updating(referenceKernels, (length) => new Float32Array(length), LENGTH);
    const simd = variants.map(({ f32, variant }) => ({ variant, ...updating(f32, array, LENGTH) }));
    let [inM, inV] = [0, 0];
    for (let t = 0; t < STEPS; t++) {
      for (const { update, variant, m, v } of [...simd, { variant: "reference", ...reference }]) {
        update((index) => (t < 3 ? first[index] : 0));
        if (variant === "reference") {
          inM += countDenormals(m);
          inV += countDenormals(v);
        } else {
          expect(countDenormals(m) + countDenormals(v), `${variant}, update ${t}`).to.equal(0);
        }
      }
    }
    // Once it is the smallest number of all, nine tenths of it round to itself: without help it stays that for ever.
    expect(inM).to.be.greaterThan(0.5 * STEPS * LENGTH);
    expect(inV).to.be.greaterThan(0.01 * STEPS * LENGTH);
    for (const { variant, parameter, m, v } of simd) {
      expect(
        m.every((moment) => moment === 0),
        variant,
      ).to.equal(true);
      expect(
        v.every((moment) => moment === 0),
        variant,
      ).to.equal(true);
      parameter.forEach((value, index) => expect(value, variant).to.be.closeTo(reference.parameter[index], 1e-5));
    }
  });

  it("count squares of gradients wherever they are normal numbers", () => {
    const { variants, array, close } = simdWithMemory();
    after(close);
    const LENGTH = 2000;
    const random = new Random(8);
    const gradients = Array.from({ length: LENGTH }, () => drawSize(random, 1e-24, 1));
    const reference = updating(referenceKernels, (length) => new Float32Array(length), LENGTH);
    reference.update((index) => gradients[index]);
    expect(countDenormals(reference.v)).to.be.greaterThan(0.05 * LENGTH);
    const SMALLEST_NORMAL = 2 ** -126;
    for (const { f32, variant } of variants) {
      const { v, m, update } = updating(f32, array, LENGTH);
      update((index) => gradients[index]);
      expect(countDenormals(v), variant).to.equal(0);
      for (let index = 0; index < LENGTH; index++) {
        const whole = reference.v[index];
        // Rounding decides at the very edge.
        const isNormal = whole > SMALLEST_NORMAL * (1 + 1e-6);
        expect(v[index], variant).to.be.closeTo(isNormal ? whole : 0, isNormal ? 1e-5 * whole : 1.01 * SMALLEST_NORMAL);
        expect(m[index], variant).to.be.closeTo(reference.m[index], 1e-5 * Math.abs(reference.m[index]));
      }
    }
  });
});
