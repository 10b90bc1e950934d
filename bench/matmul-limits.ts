/**
 * How near the matrix products come to what the register tile can do: `node bench/matmul-limits.ts [ms per line]`.
 *
 * The ceiling is the tile alone, on panels in the first-level cache. Each product, packing included, is timed on one
 * thread and on two, in turn with the ceiling, so that all three see the same machine; medians, and their ratios.
 * APOLLO_SIMD=relaxed measures without joined vector pairs, as in a browser.
 */

import { median } from "../src/report/statistics.ts";
import { createEngine } from "../src/tensor/engine.ts";
import type { MatmulLayout } from "../src/tensor/kernels.ts";
import { memory } from "../src/tensor/memory.ts";
import { compileKernels } from "../src/tensor/simd-module.ts";

/** Rows, inner, columns, and the share of the ceiling that is wanted on one thread. */
const SIZES: [rows: number, inner: number, columns: number, wanted: number][] = [
  [64, 64, 64, 0.7],
  [97, 97, 97, 0.7],
  [128, 128, 128, 0.7],
  [193, 193, 193, 0.7],
  [256, 256, 256, 0.9],
  [512, 512, 512, 0.9],
  [1024, 1024, 1024, 0.9],
  [1024, 128, 512, 0.9],
  [1024, 512, 128, 0.9],
  [1024, 128, 2048, 0.9],
];
const TRANSPOSITIONS = [
  ["NN", false, false],
  ["NT", false, true],
  ["TN", true, false],
] as const;
/** A sample is at least so much work: over a millisecond, so that the processor has the clock that it keeps under this load. */
const SAMPLE_FLOPS = 2e8;
const TILE_ROWS = 6;
const TILE_INNER = 256;

function newNumbers(length: number): Float32Array {
  const address = memory.allocate(length * 4);
  const view = new Float32Array(memory.buffer as ArrayBuffer, address, length);
  for (let i = 0; i < length; i++) view[i] = ((i * 7919) % 2003) / 2003 - 0.5;
  return view;
}

/** GFLOP/s of a sample of calls with so many operations each. */
function speed(flops: number, call: () => void): number {
  const calls = Math.ceil(SAMPLE_FLOPS / flops);
  const start = performance.now();
  for (let i = 0; i < calls; i++) call();
  return (calls * flops) / (performance.now() - start) / 1e6;
}

const one = createEngine({ kernels: "simd", threads: 1 });
const two = createEngine({ kernels: "simd", threads: 2 });
await two.ready();
const panel = one.variant === "wide" ? 16 : 8;
const module = compileKernels(one.variant === "plain" ? "plain" : "relaxed", memory);
const { multiplyTileRepeatedly } = new WebAssembly.Instance(module, { env: { memory: memory.memory } })
  .exports as Record<string, (...numbers: number[]) => void>;
const [tileA, tileB, zeros, tileOut] = [TILE_ROWS * TILE_INNER, TILE_INNER * panel, panel, TILE_ROWS * panel].map(
  newNumbers,
);
zeros.fill(0);
const tileFlops = 2 * TILE_ROWS * panel * TILE_INNER;
/** Tiles of one call, so many that calling it does not count. */
const TILES = 100;
const ceiling = () => {
  const address = [tileA, tileB, zeros, tileOut].map((view) => view.byteOffset);
  return speed(TILES * tileFlops, () => multiplyTileRepeatedly(panel, ...address, TILE_INNER, TILES));
};

const milliseconds = Number(process.argv[2] ?? 500);
if (!(milliseconds > 0)) throw new Error(`milliseconds per line must be a positive number, not "${process.argv[2]}"`);
console.log(`variant ${one.variant}: register tile ${TILE_ROWS} × ${panel}`);
console.log("rows × inner × columns        ceiling   1 thread   of ceiling  (wanted)   2 threads   of 1 thread");
for (const [rows, inner, columns, wanted] of SIZES) {
  for (const [name, transposeA, transposeB] of TRANSPOSITIONS) {
    const layout: MatmulLayout = {
      ...{ rows, columns, inner, transposeA, transposeB },
      ...{ aRow: transposeA ? rows : inner, bRow: transposeB ? inner : columns, outRow: columns },
      ...{ batches: [1, 1], aBatch: [0, 0], bBatch: [0, 0], outBatch: [0, 0] },
    };
    const [a, b, out] = [rows * inner, inner * columns, rows * columns].map(newNumbers);
    const flops = 2 * rows * inner * columns;
    const by = { ceiling: [] as number[], one: [] as number[], two: [] as number[] };
    const shares: number[] = [];
    const gains: number[] = [];
    for (let warmUp = 0; warmUp < 10; warmUp++) {
      speed(flops, () => one.f32.matmul(a, b, out, layout));
      speed(flops, () => two.f32.matmul(a, b, out, layout));
    }
    const start = performance.now();
    while (performance.now() - start < milliseconds) {
      by.ceiling.push(ceiling());
      by.one.push(speed(flops, () => one.f32.matmul(a, b, out, layout)));
      by.two.push(speed(flops, () => two.f32.matmul(a, b, out, layout)));
      shares.push(by.one.at(-1)! / by.ceiling.at(-1)!);
      gains.push(by.two.at(-1)! / by.one.at(-1)!);
    }
    const cells = [
      `${rows} × ${inner} × ${columns} ${name}`.padEnd(28),
      median(by.ceiling).toFixed(1).padStart(9),
      median(by.one).toFixed(1).padStart(11),
      median(shares).toFixed(2).padStart(13),
      `(${wanted.toFixed(2)})`.padStart(10),
      median(by.two).toFixed(1).padStart(12),
      median(gains).toFixed(2).padStart(14),
    ];
    console.log(cells.join(""));
    for (const view of [a, b, out]) memory.release(view.byteOffset, view.byteLength);
  }
}
one.close();
two.close();
