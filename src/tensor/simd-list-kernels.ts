/**
 * The kernels that take lists of tensors, bound to the compiled functions of src/tensor/assembly/tensor-lists.ts, which
 * find the tensors in a table: one command to the threads for a whole model.
 */

import { type Kernels, SUM_CHUNK } from "./kernels.ts";
import type { Memory } from "./memory.ts";
import type { ThreadPool } from "./thread-pool.ts";

export interface ListKernelsOptions {
  memory: Memory;
  pool: ThreadPool;
  fallback: Kernels;
  addressOf: (view: ArrayBufferView) => number;
}

/** Elements of a chunk of an update, which the compiled function is given: a multiple of its eight a turn. */
const UPDATE_CHUNK = 1024;
/** Estimated nanoseconds per element on one thread. */
const SQUARE_COST = 0.15;
const UPDATE_COST = 0.5;

export function createListKernels({
  memory,
  pool,
  fallback,
  addressOf,
}: ListKernelsOptions): Pick<Kernels, "adamw" | "sumOfSquares"> {
  const squareChunks = pool.indexOf("squareChunks");
  const update = pool.indexOf("adamw");

  return {
    adamw(updates, step) {
      const { learningRate, beta1, beta2, epsilon, gradientScale } = step;
      const rows: number[] = [];
      let elements = 0;
      let chunks = 0;
      for (const { parameter, gradient, m, v, weightDecay, biasCorrection1, biasCorrection2 } of updates) {
        const { length } = parameter;
        rows.push(addressOf(parameter), addressOf(gradient), addressOf(m), addressOf(v), length);
        rows.push(weightDecay, 1 / biasCorrection1, 1 / biasCorrection2);
        elements += length;
        chunks += Math.ceil(length / UPDATE_CHUNK);
      }
      // Of what stands in a row only the address of an array elsewhere is negative.
      if (rows.some((value) => value < 0)) {
        fallback.adamw(updates, step);
        return;
      }
      memory.lend(rows.length * 8, (table) => {
        new Float64Array(memory.buffer as ArrayBuffer, table, rows.length).set(rows);
        const given = [table, UPDATE_CHUNK, learningRate, beta1, 1 - beta1, beta2, 1 - beta2, epsilon, gradientScale];
        pool.run(update, given, chunks, 1, elements * UPDATE_COST);
      });
    },

    sumOfSquares(tensors) {
      const rows: number[] = [];
      let elements = 0;
      let chunks = 0;
      for (const x of tensors) {
        const address = addressOf(x);
        if (address < 0) return fallback.sumOfSquares(tensors);
        rows.push(address, x.length);
        elements += x.length;
        chunks += Math.ceil(x.length / SUM_CHUNK);
      }
      // The table, and behind it the sums of the chunks.
      const length = rows.length + chunks;
      return memory.lend(length * 8, (table) => {
        const block = new Float64Array(memory.buffer as ArrayBuffer, table, length);
        block.set(rows);
        pool.run(squareChunks, [table, table + rows.length * 8], chunks, 1, elements * SQUARE_COST);
        let total = 0;
        for (let chunk = rows.length; chunk < length; chunk++) total += block[chunk];
        return total;
      });
    },
  };
}
