/**
 * What the time of a matrix product (NN) consists of: `node bench/matmul-costs.ts [--rounds 60]`.
 *
 * Products in which one cost stands out give that cost: one row of tiles packs B for hardly any multiplication, one panel
 * packs A, one tile is mostly the call; a second block of k reads and writes the sums again, which costs nothing in the
 * second-level cache and is left out of what follows. Each is timed by turns with the register tile alone, so that the
 * machine's changing speed falls out. From these costs, and from how products are cut, the times of the products of
 * matmul-limits.ts follow; beside them stands what they take. What one thread takes more is memory beyond that cache; what
 * two take more is waiting, for each other and for what the other core has just written.
 */

import { parseTimedSteps } from "../src/cli/parse.ts";
import { median } from "../src/report/statistics.ts";
import { createEngine, type Engine } from "../src/tensor/engine.ts";
import { divideMatmul, TILE_ROWS } from "../src/tensor/matmul-parts.ts";
import { benchmark, readOptions } from "./arguments.ts";
import { type MatmulSize, withMatmul } from "./matmul-operands.ts";
import { medianAndQuartiles } from "./quartiles.ts";
import { registerTile } from "./register-tile.ts";

/** Depth and width of the kernel's blocks: assembly/matmul.ts. */
const BLOCK_INNER = 256;
const BLOCK_COLUMNS = 768;
/** Of a product beside the tile: both see the same moment. */
const SAMPLE_MS = 1;
/** Of a product on one and on two threads: a thread that sleeps takes a while to wake up. */
const THREADS_SAMPLE_MS = 20;
/** Until V8 has optimised what is called, which its own threads do on the same cores. */
const WARM_UP_MS = 50;

const { rounds } = readOptions<{ rounds: number }>(
  benchmark("matmul-costs.ts", "what the time of a matrix product (NN) consists of").option(
    "--rounds <n>",
    "measurements of every product",
    parseTimedSteps,
    60,
  ),
);

const one = createEngine({ kernels: "simd", threads: 1 });
const variant = one.variant!;
const two = createEngine({ kernels: "simd", threads: 2, variant });
await two.ready();
const tile = registerTile(variant);
const { panel } = tile;

/** Nanoseconds of a call, over enough calls for the clock. */
function nanosecondsOf(call: () => void, sampleMs = SAMPLE_MS): number {
  let calls = 0;
  const start = performance.now();
  let elapsed = 0;
  while (elapsed < sampleMs) {
    for (let i = 0; i < 4; i++) call();
    calls += 4;
    elapsed = performance.now() - start;
  }
  return (1e6 * elapsed) / calls;
}

/** Nanoseconds of a multiplication in the tile alone. */
function tileNanoseconds(): number {
  return nanosecondsOf(tile.call) / tile.multiplications;
}

/** How long a product takes, in multiplications of the tile: the median of ratios in turn. */
function timeOf(size: MatmulSize): number {
  let taken = Number.NaN;
  withMatmul(size, "NN", ({ a, b, out, layout }) => {
    const call = () => one.f32.matmul(a, b, out, layout);
    nanosecondsOf(call, WARM_UP_MS);
    taken = median(Array.from({ length: rounds }, () => nanosecondsOf(call) / tileNanoseconds()));
  });
  return taken;
}

/** How many times as fast a product is on two threads as on one, in turn. */
function gainsOf(size: MatmulSize): number[] {
  let gains: number[] = [];
  withMatmul(size, "NN", ({ a, b, out, layout }) => {
    const on = (engine: Engine, milliseconds: number) =>
      nanosecondsOf(() => engine.f32.matmul(a, b, out, layout), milliseconds);
    for (const engine of [one, two]) on(engine, WARM_UP_MS);
    gains = Array.from({ length: rounds }, () => on(one, THREADS_SAMPLE_MS) / on(two, THREADS_SAMPLE_MS));
  });
  return gains;
}

/** Multiplications of a product cut into whole tiles. */
function multiplications({ rows, inner, columns }: MatmulSize): number {
  return Math.ceil(rows / TILE_ROWS) * TILE_ROWS * Math.ceil(columns / panel) * panel * inner;
}

const call = timeOf({ rows: TILE_ROWS, inner: 1, columns: panel });
const beyondTiles = (size: MatmulSize) => timeOf(size) - multiplications(size) - call;
const wide = { rows: TILE_ROWS, inner: BLOCK_INNER, columns: BLOCK_COLUMNS };
const packB = beyondTiles(wide) / (wide.inner * wide.columns);
const tall = { rows: 960, inner: BLOCK_INNER, columns: panel };
const packA = (beyondTiles(tall) - packB * tall.inner * tall.columns) / (tall.rows * tall.inner);
// Small enough that all of it stays in the second-level cache.
const flat = { rows: 144, inner: BLOCK_INNER, columns: 144 };
const deep = { ...flat, inner: 2 * BLOCK_INNER };
const packing = ({ rows, inner, columns }: MatmulSize) =>
  packA * rows * inner * Math.ceil(columns / BLOCK_COLUMNS) + packB * inner * columns;
const resume = (beyondTiles(deep) - packing(deep) - (beyondTiles(flat) - packing(flat))) / (deep.rows * deep.columns);

/** What follows for a product, part by part, in multiplications. */
function partsOf(size: MatmulSize) {
  const { rows, inner, columns } = size;
  return {
    tiles: multiplications(size),
    packA: packA * rows * inner * Math.ceil(columns / BLOCK_COLUMNS),
    packB: packB * inner * columns,
    call,
  };
}

const total = (parts: Record<string, number>) => Object.values(parts).reduce((sum, part) => sum + part, 0);

const nanoseconds = median(Array.from({ length: rounds }, tileNanoseconds));
console.log(`variant ${variant}: the tile alone, ${(2 / nanoseconds).toFixed(1)} GFLOP/s`);
const costs = {
  "packing an element of A": packA,
  "an element of B": packB,
  "a sum read and written again": resume,
  "a call": call,
};
for (const [name, cost] of Object.entries(costs))
  console.log(
    `${name.padEnd(29)} ${cost.toFixed(1).padStart(7)} multiplications, ${(cost * nanoseconds).toFixed(2)} ns`,
  );
console.log("\nin % of what follows: tiles, packing A and B, call; then the share of the tile's speed: follows, is");
console.log(
  `${"rows × inner × columns".padEnd(24)} tiles     A     B  call   follows    is   2 threads over 1: follows, is`,
);
const SIZES: readonly MatmulSize[] = [
  ...[64, 97, 128, 193, 256, 512, 1024].map((n) => ({ rows: n, inner: n, columns: n })),
  { rows: 1024, inner: 128, columns: 512 },
  { rows: 1024, inner: 512, columns: 128 },
  { rows: 1024, inner: 128, columns: 2048 },
];
for (const size of SIZES) {
  const parts = partsOf(size);
  const whole = total(parts);
  const work = size.rows * size.inner * size.columns;
  const alone = timeOf(size);
  // Each thread has its rectangle, and packs for it what the other packs too.
  const [rowParts, columnParts] = divideMatmul({ ...size, batches: [1, 1] }, panel, 2);
  const half = { ...size, rows: Math.ceil(size.rows / rowParts), columns: Math.ceil(size.columns / columnParts) };
  const percent = (part: number) => `${((100 * part) / whole).toFixed(1).padStart(6)}`;
  const cells = [
    `${size.rows} × ${size.inner} × ${size.columns}`.padEnd(23),
    ...[parts.tiles, parts.packA, parts.packB, parts.call].map(percent),
    (work / whole).toFixed(2).padStart(10),
    (work / alone).toFixed(2).padStart(6),
    (whole / total(partsOf(half))).toFixed(2).padStart(28),
    medianAndQuartiles(gainsOf(size), 2).padStart(19),
  ];
  console.log(cells.join(""));
}
one.close();
two.close();
