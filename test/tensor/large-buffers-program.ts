/**
 * Prints what operations give whose results depend on the part of one tensor that lies beyond 2 GiB, and on a tensor behind
 * it, for every kernel set. Most of the tensor is never touched, and so never given by the system, but by the last sum.
 */

import { indexSelect, matmul, slice, sum, tensor } from "../../src/autograd/index.ts";
import { configureEngine, type EngineOptions, kernelsFor } from "../../src/tensor/engine.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const [rows, columns] = process.argv.slice(2).map(Number);

// Fresh memory is zero.
const large = Tensor.allocate([rows, columns]);
large.numbers[0] = 1;

/** Two rows with all of the tensor between them, as the stored rows of one operand, times a column. */
function multiplyFirstAndLastRow(column: Tensor): Tensor {
  const out = Tensor.allocate([2, 1]);
  kernelsFor("f32").matmul(large.numbers, column.numbers, out.numbers, {
    ...{ rows: 2, columns: 1, inner: columns, transposeA: false, transposeB: false },
    ...{ aRow: (rows - 1) * columns, bRow: 1, outRow: 1, batches: [1, 1] },
    ...{ aBatch: [0, 0], bBatch: [0, 0], outBatch: [0, 0] },
  });
  return out;
}

function resultsWith(options: EngineOptions) {
  configureEngine({ ...options, threads: 1 });
  return scope(() => {
    const behind = Tensor.allocate([4096, 1024]);
    const kernels = kernelsFor("f32");
    const end = large.numbers.subarray(-3 * columns);
    kernels.fill(end, 2);
    kernels.scale(end, end, 1.5);
    large.numbers.set([5, 7], large.size - 2);
    kernels.fill(behind.numbers, 1);
    const ones = tensor(new Float32Array(columns).fill(1), { shape: [columns, 1] });
    const someRows = tensor([0, rows - 4, rows - 1], { dtype: "i32" });
    return {
      byteLength: large.storage.byteLength,
      isBehindAbove: behind.storage.address > 2 ** 31,
      lastSlice: slice(large, [[-2], [-3]]).toArray(),
      selected: indexSelect(large, someRows)
        .slice([null, [-1]])
        .toArray(),
      product: matmul(slice(large, [[-4]]), ones).toArray(),
      firstAndLast: multiplyFirstAndLastRow(ones).toArray(),
      sumBehind: sum(behind).item(),
    };
  });
}

const results = [
  resultsWith({ kernels: "reference" }),
  resultsWith({ kernels: "blocked" }),
  resultsWith({ kernels: "simd", variant: "plain" }),
  resultsWith({ kernels: "simd" }),
];
console.log(JSON.stringify({ results, sumOfAll: sum(large).item() }));
