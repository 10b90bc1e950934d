/** The register tile by itself, on panels in the first-level cache: what products are held against. */

import type { Engine } from "../src/tensor/engine.ts";
import { TILE_ROWS } from "../src/tensor/matmul-parts.ts";
import { memory } from "../src/tensor/memory.ts";
import { panelFor } from "../src/tensor/simd-kernels.ts";
import { compileKernels } from "../src/tensor/simd-module.ts";
import { newNumbers } from "./matmul-operands.ts";

const INNER = 256;
/** Tiles of one call, so many that calling it does not count. */
const TILES = 100;

/** The tile of an engine's variant: its columns, a call of it, and the multiplications of a call. */
export function registerTile(variant: NonNullable<Engine["variant"]>) {
  const panel = panelFor(variant);
  const { multiplyTileRepeatedly } = new WebAssembly.Instance(compileKernels(variant, memory), {
    env: { memory: memory.memory },
  }).exports as Record<string, (...numbers: number[]) => void>;
  const operands = [TILE_ROWS * INNER, INNER * panel, panel, TILE_ROWS * panel].map(newNumbers);
  // The sums begin at zero.
  operands[2].fill(0);
  const addresses = operands.map((view) => view.byteOffset);
  return {
    panel,
    multiplications: TILES * TILE_ROWS * panel * INNER,
    call() {
      multiplyTileRepeatedly(panel, ...addresses, INNER, TILES);
    },
  };
}
