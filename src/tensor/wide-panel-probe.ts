/** Tries whether the wide register tile is right and worth it on this machine. */

import type { Memory } from "./memory.ts";
import type { PanelWidth } from "./simd-kernels.ts";
import type { ThreadPool } from "./thread-pool.ts";

/** Odd in every way, so that cut tiles are tried too. */
const ODD = { rows: 19, columns: 53, inner: 37 };
const TIMED = { rows: 48, columns: 96, inner: 128 };
/** The compiler of the engine optimises a function after some calls, and in the background. */
const LIMIT_MS = 150;
const ROUND_CALLS = 8;
/** The wide tile must win by this factor. */
const WORTH = 1.2;

type Sizes = typeof ODD;

/**
 * 16 where the engine joins pairs of vector operations, so that the wide tile gives exactly the narrow one's numbers, both
 * near the plain sum, and clearly sooner; else 8.
 */
export function probePanelWidth(memory: Memory, pool: ThreadPool): PanelWidth {
  const scratchBytes = pool.exports.matmulScratchBytes() as unknown as number;
  const operandBytes = 4 * Math.max(TIMED.rows, TIMED.columns) * Math.max(TIMED.inner, TIMED.columns);
  const scratch = memory.allocate(scratchBytes);
  const operands = memory.allocate(3 * operandBytes);
  try {
    const buffer = memory.buffer as ArrayBuffer;
    new Float32Array(buffer, scratch, 16).fill(0);
    const numbers = new Float32Array(buffer, operands, (2 * operandBytes) / 4);
    for (let i = 0; i < numbers.length; i++) numbers[i] = ((i * 7919) % 2003) / 2003 - 0.5;
    const out = new Float32Array(buffer, operands + 2 * operandBytes, operandBytes / 4);
    const multiply = ({ rows, columns, inner }: Sizes, transposed: number, panel: PanelWidth) =>
      pool.exports.matmul(
        ...[
          operands,
          operands + operandBytes,
          operands + 2 * operandBytes,
          ...[0, 0, 0, 0],
          rows,
          columns,
          inner,
          transposed,
          transposed,
        ],
        ...[transposed ? rows : inner, transposed ? inner : columns, columns, 1, 0, 0, 0, 0, 0, 0, 0],
        ...[panel, 1, 1, 0, 1, scratch],
      );
    const time = (panel: PanelWidth) => {
      const start = performance.now();
      for (let call = 0; call < ROUND_CALLS; call++) multiply(TIMED, 0, panel);
      return performance.now() - start;
    };
    const best = { narrow: Number.POSITIVE_INFINITY, wide: Number.POSITIVE_INFINITY };
    const start = performance.now();
    let rounds = 0;
    while (performance.now() - start < LIMIT_MS && (rounds < 20 || best.narrow < best.wide * WORTH)) {
      best.narrow = Math.min(best.narrow, time(8));
      best.wide = Math.min(best.wide, time(16));
      rounds++;
    }
    if (best.narrow < best.wide * WORTH) return 8;
    // Only now that the optimised code runs is its result worth comparing.
    for (const transposed of [0, 1]) {
      multiply(ODD, transposed, 8);
      const narrow = out.slice(0, ODD.rows * ODD.columns);
      multiply(ODD, transposed, 16);
      const isRight = narrow.every(
        (value, at) => value === out[at] && isNear(value, numbers, operandBytes / 4, transposed, at),
      );
      if (!isRight) return 8;
    }
    return 16;
  } finally {
    memory.release(scratch, scratchBytes);
    memory.release(operands, 3 * operandBytes);
  }
}

/** Compares an element of the product of the odd sizes with the sum that it stands for. */
function isNear(value: number, numbers: Float32Array, b: number, transposed: number, at: number): boolean {
  const { rows, columns, inner } = ODD;
  const m = Math.floor(at / columns);
  const n = at % columns;
  let total = 0;
  for (let k = 0; k < inner; k++) {
    total += transposed
      ? numbers[k * rows + m] * numbers[b + n * inner + k]
      : numbers[m * inner + k] * numbers[b + k * columns + n];
  }
  return Math.abs(value - total) < 1e-4;
}
