/**
 * Tries on this machine whether compiled kernels are right, and whether the wide register tile is worth it.
 *
 * At the start of a program this takes 34 ms, not the few that one would wish, on a busy machine 40, and 7 in later engines
 * of the process (Intel Xeon at 2.5 GHz, two cores, Node 24.9, 27 November 2026; medians of 15 processes). Two thirds are V8's
 * optimising compiler, without which no pairs are joined and nothing would be tried of what long runs execute; the product
 * alone takes it 10 ms. The engine goes on with that code. The rest is JavaScript that runs for the first time; the timed
 * rounds take 1 ms. So few kernels are tried, whose arithmetic others share: tiles and packing in all layouts, GELU and its
 * slope, sums and exponentials along rows, a backward pass, the optimiser. Not tried are attention, which would take 10 ms
 * more, its way back, 18, and the others, 1 to 2 each: tests compare these with the reference.
 */

import type { Kernels, MatmulEpilogueName, MatmulLayout } from "./kernels.ts";
import type { Memory } from "./memory.ts";
import { referenceKernels } from "./reference-kernels.ts";

/** GFLOP/s of the matrix product on one thread with either register tile. */
export interface TileSpeeds {
  narrow: number;
  wide: number;
}

/** The wide tile must win by this factor. Where no pairs are joined it runs out of registers and loses by a fifth. */
export const WORTH = 1.1;

/** Odd in every way, so that cut tiles and single elements are tried too. */
const CHECKED = { rows: 7, columns: 21, inner: 11 };
const { rows: ROWS, columns: COLUMNS, inner: INNER } = CHECKED;
const OPERANDS = 5;
const OPERAND_LENGTH = INNER * COLUMNS;
/** Against 1 + the size of a result: far from rounding, and from whatever wrong code does. */
const TOLERANCE = 1e-4;

/** Too little work to be shared between threads. */
const TIMED = { rows: 48, columns: 96, inner: 64 };
const ROUND_CALLS = 4;
const LEAST_ROUNDS = 5;
/** A tile that has not won by then cannot: short rounds find a quiet moment soon. */
const MOST_ROUNDS = 20;

/** A call on operands of {@link OPERAND_LENGTH} numbers between −½ and ½, any of which it may write. */
interface Case {
  name: keyof Kernels;
  run(kernels: Kernels, operands: Float32Array[]): void;
}

type Sizes = Pick<MatmulLayout, "rows" | "columns" | "inner">;

function product({ rows, columns, inner }: Sizes, transposeA = false, transposeB = false): MatmulLayout {
  return {
    ...{ rows, columns, inner, transposeA, transposeB, batches: [1, 1] },
    ...{ aRow: transposeA ? rows : inner, bRow: transposeB ? inner : columns, outRow: columns },
    ...{ aBatch: [0, 0], bBatch: [0, 0], outBatch: [0, 0] },
  };
}

const matmulCase = (name: MatmulEpilogueName, transposeA: boolean, transposeB: boolean): Case => ({
  name: "matmul",
  run(kernels, [a, b, c, bias, d]) {
    const [out, inputs] = [c, d].map((operand) => operand.subarray(0, ROWS * COLUMNS));
    const finish = { bias: bias.subarray(0, COLUMNS), epilogue: { name, inputs } };
    kernels.matmul(a, b, out, { ...product(CHECKED, transposeA, transposeB), ...finish });
  },
});

const CASES: readonly Case[] = [
  matmulCase("gelu", false, false),
  matmulCase("geluBackward", false, true),
  matmulCase("gelu", true, false),
  {
    name: "layerNorm",
    run: (kernels, [x, parameters, out, mean, rstd]) =>
      kernels.layerNorm(x, parameters, parameters, out, mean, rstd, { rows: ROWS, columns: COLUMNS, epsilon: 1e-5 }),
  },
  {
    name: "layerNormBackward",
    run: (kernels, [x, parameters, statistics, gradient, out]) =>
      kernels.layerNormBackward(x, parameters, statistics, statistics, gradient, out, { rows: ROWS, columns: COLUMNS }),
  },
  { name: "softmax", run: (kernels, [x, , out]) => kernels.softmax(x, out, { rows: ROWS, columns: COLUMNS }) },
  {
    name: "adamw",
    run(kernels, [parameter, gradient, m, v]) {
      // Second moments are not negative.
      for (let i = 0; i < v.length; i++) v[i] = Math.abs(v[i]);
      kernels.adamw([{ parameter, gradient, m, v, weightDecay: 0.1, biasCorrection1: 0.1, biasCorrection2: 0.01 }], {
        learningRate: 0.01,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        gradientScale: 0.5,
      });
    },
  },
];

/** The first kernel whose results are not near the reference's, or not the same in all sets; null when there is none. */
export function findWrongKernel(memory: Memory, sets: readonly Kernels[]): keyof Kernels | null {
  const numbers = new Float32Array(OPERANDS * OPERAND_LENGTH);
  for (let i = 0; i < numbers.length; i++) numbers[i] = ((i * 7919) % 2003) / 2003 - 0.5;
  return memory.lend(numbers.byteLength, (address) => {
    // Taken anew after calls that may let the memory grow.
    const lent = () => new Float32Array(memory.buffer as ArrayBuffer, address, numbers.length);
    const isRight = ({ run }: Case): boolean => {
      const exact = numbers.slice();
      run(referenceKernels, split(exact, OPERANDS));
      const outcomes = sets.map((kernels) => {
        lent().set(numbers);
        run(kernels, split(lent(), OPERANDS));
        return lent().slice();
      });
      return outcomes.every((outcome) => areEqual(outcome, outcomes[0])) && areNear(outcomes[0], exact);
    };
    return CASES.find((one) => !isRight(one))?.name ?? null;
  });
}

// Loops: a closure for each of thousands of elements would be most of what this costs before it is compiled.
function areEqual(x: Float32Array, y: Float32Array): boolean {
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

function areNear(x: Float32Array, exact: Float32Array): boolean {
  for (let i = 0; i < x.length; i++)
    if (!(Math.abs(x[i] - exact[i]) <= TOLERANCE * (1 + Math.abs(exact[i])))) return false;
  return true;
}

/** Times the product with both tiles in turns, until the wide one has won often enough or can be given up. */
export function timeTiles(memory: Memory, narrow: Kernels, wide: Kernels): TileSpeeds {
  const { rows, columns, inner } = TIMED;
  const length = 3 * inner * Math.max(rows, columns);
  return memory.lend(4 * length, (address) => {
    const numbers = new Float32Array(memory.buffer as ArrayBuffer, address, length).fill(0.5);
    const [a, b, out] = split(numbers, 3);
    const layout = product(TIMED);
    const speedOf = (kernels: Kernels): number => {
      const start = performance.now();
      for (let call = 0; call < ROUND_CALLS; call++) kernels.matmul(a, b, out, layout);
      return (2 * ROUND_CALLS * rows * columns * inner) / (1e6 * (performance.now() - start));
    };
    const best = { narrow: 0, wide: 0 };
    for (let round = 0; round < MOST_ROUNDS; round++) {
      best.narrow = Math.max(best.narrow, speedOf(narrow));
      best.wide = Math.max(best.wide, speedOf(wide));
      if (round + 1 >= LEAST_ROUNDS && isWorthIt(best)) break;
    }
    return best;
  });
}

export function isWorthIt({ narrow, wide }: TileSpeeds): boolean {
  return wide >= WORTH * narrow;
}

function split(numbers: Float32Array, count: number): Float32Array[] {
  const length = numbers.length / count;
  return Array.from({ length: count }, (_, at) => numbers.subarray(at * length, (at + 1) * length));
}
