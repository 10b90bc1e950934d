/**
 * How near the matrix products come to what the register tile can do: `node bench/matmul-limits.ts [--milliseconds 500]`.
 *
 * The ceiling is the tile alone, on panels in the first-level cache. Each product, packing included, is timed on one
 * thread and on two, in turn with the ceiling, so that all three see the same machine; medians, also of the ratios in turn.
 * APOLLO_SIMD=relaxed measures without joined vector pairs, as in a browser.
 */

import { median } from "../src/report/statistics.ts";
import { createEngine, type Engine } from "../src/tensor/engine.ts";
import { TILE_ROWS } from "../src/tensor/matmul-parts.ts";
import { benchmark, parseMilliseconds, readOptions } from "./arguments.ts";
import { type MatmulSize, TRANSPOSITION_NAMES, withMatmul } from "./matmul-operands.ts";
import { medianAndQuartiles } from "./quartiles.ts";
import { registerTile } from "./register-tile.ts";

/** A product, and what is wanted of it: a share of the ceiling on one thread, and what a second thread gains. */
interface Product extends MatmulSize {
  share: number;
  gain: number | null;
}

const square = (n: number): Product => ({
  ...{ rows: n, inner: n, columns: n },
  ...(n < 256 ? { share: 0.7, gain: null } : { share: 0.9, gain: 1.9 }),
});
const PRODUCTS: readonly Product[] = [
  ...[64, 97, 128, 193, 256, 512, 1024].map(square),
  { rows: 1024, inner: 128, columns: 512, share: 0.9, gain: null },
  { rows: 1024, inner: 512, columns: 128, share: 0.9, gain: null },
  { rows: 1024, inner: 128, columns: 2048, share: 0.9, gain: null },
];
/** GFLOP/s of the tile alone, on the machine that the bar was set for; its limits are 109 and 55. */
const WANTED_CEILING: Record<NonNullable<Engine["variant"]>, number | null> = { wide: 100, relaxed: 53, plain: null };
const WANTED_ON = "an AVX-512 server at 3.4 GHz";
/** A sample is at least so much work: over a millisecond, so that the processor has the clock that it keeps under this load. */
const SAMPLE_FLOPS = 2e8;

const { milliseconds } = readOptions<{ milliseconds: number }>(
  benchmark("matmul-limits.ts", "how near matrix products come to their register tile's speed").option(
    "--milliseconds <n>",
    "how long each line is measured",
    parseMilliseconds,
    500,
  ),
);

/** Measurements over those that were taken beside them. */
const ratios = (values: readonly number[], others: readonly number[]) => values.map((value, i) => value / others[i]);

/** The median of ratios beside what is wanted of them. */
const beside = (values: readonly number[], wanted: number | null) =>
  `${median(values).toFixed(2)} ${(wanted === null ? "" : `(${wanted.toFixed(2)})`).padEnd(6)}`;

/** GFLOP/s of a sample of calls with so many operations each. */
function speed(flops: number, call: () => void): number {
  const calls = Math.ceil(SAMPLE_FLOPS / flops);
  const start = performance.now();
  for (let i = 0; i < calls; i++) call();
  return (calls * flops) / (performance.now() - start) / 1e6;
}

const one = createEngine({ kernels: "simd", threads: 1 });
const variant = one.variant!;
const two = createEngine({ kernels: "simd", threads: 2, variant });
await two.ready();
const tile = registerTile(variant);
const ceiling = () => speed(2 * tile.multiplications, tile.call);

const wanted = WANTED_CEILING[variant];
console.log(`variant ${variant}: register tile ${TILE_ROWS} × ${tile.panel}`);
if (wanted !== null) console.log(`ceiling wanted: ${wanted} GFLOP/s on ${WANTED_ON}; elsewhere it is what it is`);
console.log("GFLOP/s, medians; in brackets what is wanted");
console.log(`${"rows × inner × columns".padEnd(28)}  ceiling   1 thread      of ceiling   2 threads     of 1 thread`);
const ceilings: number[] = [];
for (const { share, gain, ...size } of PRODUCTS) {
  for (const name of TRANSPOSITION_NAMES) {
    withMatmul(size, name, ({ a, b, out, layout, flops }) => {
      const by = { ceiling: [] as number[], one: [] as number[], two: [] as number[] };
      const speedOn = (engine: Engine) => speed(flops, () => engine.f32.matmul(a, b, out, layout));
      for (let warmUp = 0; warmUp < 10; warmUp++) [one, two].forEach(speedOn);
      const start = performance.now();
      while (performance.now() - start < milliseconds) {
        by.ceiling.push(ceiling());
        by.one.push(speedOn(one));
        by.two.push(speedOn(two));
      }
      ceilings.push(...by.ceiling);
      const cells = [
        `${size.rows} × ${size.inner} × ${size.columns} ${name}`.padEnd(28),
        median(by.ceiling).toFixed(1).padStart(9),
        median(by.one).toFixed(1).padStart(11),
        beside(ratios(by.one, by.ceiling), share).padStart(16),
        median(by.two).toFixed(1).padStart(12),
        beside(ratios(by.two, by.one), gain).padStart(16),
      ];
      console.log(cells.join(""));
    });
  }
}
console.log(`ceiling over all lines: ${medianAndQuartiles(ceilings, 1)} GFLOP/s`);
one.close();
two.close();
