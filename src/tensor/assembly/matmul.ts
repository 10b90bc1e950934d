/**
 * Matrix products by packing (the scheme of Goto and van de Geijn): a block of B is copied into panels as wide as the
 * register tile, [columns / panel][k][panel], and a block of A into tiles of six rows, [rows / 6][k][6], so that the
 * innermost loop reads both from one end to the other: the panel out of the first-level cache, the tiles out of the second.
 */

import { addRun, copyBlock, copyRun, transposeBlock } from "./blocks";
import { gelu, geluBackward, geluTanh, geluTanhBackward } from "./elementwise";
import { multiplyTile, PACKED_STEP, panelWidth, TILE_ROWS } from "./micro-kernel";

/** Depth of a packed block: a panel of 256 × 16 takes 16 KiB, half of a first-level cache. */
const BLOCK_INNER: i32 = 256;
/** Columns of a packed block of B, which lies in the second- or third-level cache: a block of A is packed once for each. */
const BLOCK_COLUMNS: i32 = 768;
/** Rows of a packed block of A, whole tiles: 96 KiB that stay in the second-level cache while every panel is swept. */
const BLOCK_ROWS: i32 = 96;

// The scratch of a thread, in bytes from its start.
const ZEROS: usize = 0;
const TILE: usize = 64;
const PACKED_A: usize = 512;
const PACKED_B: usize = PACKED_A + <usize>(BLOCK_INNER * BLOCK_ROWS * 4);
const MATMUL_SCRATCH: usize = PACKED_B + <usize>(BLOCK_INNER * BLOCK_COLUMNS * 4);

/** Bytes of scratch that {@link matmul} needs per thread; the first 64 must be zero and stay so. */
export function matmulScratchBytes(): usize {
  return MATMUL_SCRATCH;
}

/** What is done to finished sums, as src/tensor/matmul-epilogue.ts numbers it. */
const GELU: i32 = 1;
const GELU_TANH: i32 = 2;
const GELU_BACKWARD: i32 = 3;
const GELU_TANH_BACKWARD: i32 = 4;

/** Whether the sums themselves are wanted beside what the epilogue makes of them. */
@inline
export function keepsSums(epilogue: i32): bool {
  return epilogue == GELU || epilogue == GELU_TANH;
}

/**
 * sums[M, N] = A·B, plus out with `accumulate`, plus bias[N] and residual[M, N] unless their addresses are 0; out = sums.
 * With an epilogue out = f(sums), and inputs[M, N] takes the sums (GELU) or gives the x of f′(x) (its backward). A is [M, K]
 * or, transposed, [K, M]; B is [K, N] or [N, K]; strides in elements, those of residual and inputs are out's. Unit of work:
 * one of rowParts × columnParts rectangles of one of batches0 × batches1 outputs. Reference: `matmul`.
 */
export function matmul(
  a: usize,
  b: usize,
  out: usize,
  bias: usize,
  residual: usize,
  epilogue: i32,
  inputs: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  transposeA: i32,
  transposeB: i32,
  aRow: usize,
  bRow: usize,
  outRow: usize,
  batches1: i32,
  aBatch0: usize,
  aBatch1: usize,
  bBatch0: usize,
  bBatch1: usize,
  outBatch0: usize,
  outBatch1: usize,
  accumulate: i32,
  panel: i32,
  rowParts: i32,
  columnParts: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const parts = rowParts * columnParts;
  const rowGroups = (rows + TILE_ROWS - 1) / TILE_ROWS;
  const columnGroups = (columns + panel - 1) / panel;
  for (let unit = begin; unit < end; unit++) {
    const batch = unit / parts;
    const batch0 = <usize>(batch / batches1);
    const batch1 = <usize>(batch % batches1);
    const part = unit % parts;
    const rowPart = part / columnParts;
    const columnPart = part % columnParts;
    const firstRow = ((rowGroups * rowPart) / rowParts) * TILE_ROWS;
    const endRow = min(rows, ((rowGroups * (rowPart + 1)) / rowParts) * TILE_ROWS);
    const firstColumn = ((columnGroups * columnPart) / columnParts) * panel;
    const endColumn = min(columns, ((columnGroups * (columnPart + 1)) / columnParts) * panel);
    const m = <usize>firstRow;
    const n = <usize>firstColumn;
    const first = (batch0 * outBatch0 + batch1 * outBatch1 + m * outRow + n) << 2;
    multiplyRectangle(
      a + ((batch0 * aBatch0 + batch1 * aBatch1 + (transposeA ? m : m * aRow)) << 2),
      aRow << 2,
      transposeA,
      b + ((batch0 * bBatch0 + batch1 * bBatch1 + (transposeB ? n * bRow : n)) << 2),
      bRow << 2,
      transposeB,
      bias ? bias + (n << 2) : 0,
      residual ? residual + first : 0,
      epilogue,
      inputs + first,
      out + first,
      outRow << 2,
      endRow - firstRow,
      endColumn - firstColumn,
      inner,
      accumulate,
      panel,
      scratch,
    );
  }
}

/** One rectangle of the output, strides in bytes. */
function multiplyRectangle(
  a: usize,
  aRow: usize,
  transposeA: i32,
  b: usize,
  bRow: usize,
  transposeB: i32,
  bias: usize,
  residual: usize,
  epilogue: i32,
  inputs: usize,
  out: usize,
  outRow: usize,
  rows: i32,
  columns: i32,
  inner: i32,
  accumulate: i32,
  panel: i32,
  scratch: usize,
): void {
  const sums = keepsSums(epilogue) ? inputs : out;
  for (let n = 0; n < columns; n += BLOCK_COLUMNS) {
    const blockColumns = min(BLOCK_COLUMNS, columns - n);
    for (let k = 0; k < inner; k += BLOCK_INNER) {
      const depth = min(BLOCK_INNER, inner - k);
      const fromB = b + <usize>(transposeB ? <usize>n * bRow + (<usize>k << 2) : <usize>k * bRow + (<usize>n << 2));
      packPanels(fromB, bRow, transposeB, scratch + PACKED_B, depth, blockColumns, panel);
      for (let m = 0; m < rows; m += BLOCK_ROWS) {
        const blockRows = min(BLOCK_ROWS, rows - m);
        if (transposeA) packColumns(a + <usize>k * aRow + (<usize>m << 2), aRow, scratch + PACKED_A, depth, blockRows);
        else packRows(a + <usize>m * aRow + (<usize>k << 2), aRow, scratch + PACKED_A, depth, blockRows);
        const at = <usize>m * outRow + (<usize>n << 2);
        const to = sums + at;
        // The sums begin with one of what is added to them, or with zeros.
        let init = to;
        let initRow = outRow;
        let initColumn: usize = 4;
        if (k == 0) {
          if (accumulate) init = out + at;
          else if (residual) init = residual + at;
          else {
            initRow = 0;
            init = bias ? bias + (<usize>n << 2) : scratch + ZEROS;
            if (!bias) initColumn = 0;
          }
        }
        multiplyPanels(scratch + PACKED_A, scratch + PACKED_B, init, initRow, initColumn, to, outRow, blockRows, blockColumns, depth, panel, scratch);
        if (k + depth < inner) continue;
        const lateResidual = accumulate && residual ? residual + at : 0;
        const lateBias = (accumulate || residual) && bias ? bias + (<usize>n << 2) : 0;
        if (lateResidual || lateBias || epilogue) finishBlock(to, lateResidual, lateBias, epilogue, inputs + at, out + at, outRow, blockRows, blockColumns);
      }
    }
  }
}

/** What is left to add to a finished block, and its epilogue, while it is still in the second-level cache. */
export function finishBlock(
  sums: usize,
  residual: usize,
  bias: usize,
  epilogue: i32,
  inputs: usize,
  out: usize,
  row: usize,
  rows: i32,
  columns: i32,
): void {
  for (; rows > 0; rows--) {
    if (residual) {
      addRun(residual, sums, columns);
      residual += row;
    }
    if (bias) addRun(bias, sums, columns);
    if (epilogue == GELU) gelu(sums, out, 0, columns);
    else if (epilogue == GELU_TANH) geluTanh(sums, out, 0, columns);
    else if (epilogue == GELU_BACKWARD) geluBackward(inputs, sums, out, 0, columns);
    else if (epilogue == GELU_TANH_BACKWARD) geluTanhBackward(inputs, sums, out, 0, columns);
    sums += row;
    inputs += row;
    out += row;
  }
}

/**
 * B[depth, columns] (stored [columns, depth] when transposed) → panels [columns / panel][depth][panel], the last one narrow
 * if it can be.
 */
export function packPanels(
  b: usize,
  bRow: usize,
  transposed: i32,
  packed: usize,
  depth: i32,
  columns: i32,
  panel: i32,
): void {
  for (let n = 0; n < columns; n += panel) {
    const width = min(panel, columns - n);
    const panelRow = <usize>panelWidth(columns - n, panel) << 2;
    // Lanes beyond the last column keep what was there: they only reach outputs that are thrown away.
    if (transposed) transposeBlock(b + <usize>n * bRow, bRow, packed, panelRow, width, depth);
    else copyBlock(b + (<usize>n << 2), bRow, packed, panelRow, depth, width);
    packed += <usize>depth * panelRow;
  }
}

/** A[rows, depth] → tiles [rows / 6][depth][6]; beyond the last row stands the last row again. */
export function packRows(a: usize, aRow: usize, packed: usize, depth: i32, rows: i32): void {
  const whole = <usize>(depth & ~3) << 2;
  const end = <usize>depth << 2;
  for (; rows > 0; rows -= TILE_ROWS) {
    const a1 = rows > 1 ? a + aRow : a;
    const a2 = rows > 2 ? a1 + aRow : a1;
    const a3 = rows > 3 ? a2 + aRow : a2;
    const a4 = rows > 4 ? a3 + aRow : a3;
    const a5 = rows > 5 ? a4 + aRow : a4;
    let at: usize = 0;
    for (; at < whole; at += 16) {
      const x0 = v128.load(a + at);
      const x1 = v128.load(a1 + at);
      const x2 = v128.load(a2 + at);
      const x3 = v128.load(a3 + at);
      const x4 = v128.load(a4 + at);
      const x5 = v128.load(a5 + at);
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const low45 = v128.shuffle<f32>(x4, x5, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      const high45 = v128.shuffle<f32>(x4, x5, 2, 6, 3, 7);
      v128.store(packed, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(packed, v128.shuffle<f32>(low45, low01, 0, 1, 6, 7), 16);
      v128.store(packed, v128.shuffle<f32>(low23, low45, 2, 3, 6, 7), 32);
      v128.store(packed, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 48);
      v128.store(packed, v128.shuffle<f32>(high45, high01, 0, 1, 6, 7), 64);
      v128.store(packed, v128.shuffle<f32>(high23, high45, 2, 3, 6, 7), 80);
      packed += 4 * PACKED_STEP;
    }
    for (; at < end; at += 4) {
      store<f32>(packed, load<f32>(a + at));
      store<f32>(packed, load<f32>(a1 + at), 4);
      store<f32>(packed, load<f32>(a2 + at), 8);
      store<f32>(packed, load<f32>(a3 + at), 12);
      store<f32>(packed, load<f32>(a4 + at), 16);
      store<f32>(packed, load<f32>(a5 + at), 20);
      packed += PACKED_STEP;
    }
    a += <usize>TILE_ROWS * aRow;
  }
}

/** Aᵀ[depth, rows] → tiles [rows / 6][depth][6]. */
function packColumns(a: usize, aRow: usize, packed: usize, depth: i32, rows: i32): void {
  const tile = <usize>depth * PACKED_STEP;
  for (; depth > 0; depth--) {
    let to = packed;
    let from = a;
    let left = rows;
    for (; left >= TILE_ROWS; left -= TILE_ROWS) {
      v128.store(to, v128.load(from));
      store<u64>(to, load<u64>(from, 16), 16);
      from += PACKED_STEP;
      to += tile;
    }
    // What is missing of the last tile keeps what was there, as in packPanels.
    copyRun(from, to, left);
    a += aRow;
    packed += PACKED_STEP;
  }
}

/**
 * out[rows, columns] = init + (packed A)·(packed B). `initColumn` is the distance between the columns of init: 4, or 0 for
 * zeros.
 */
function multiplyPanels(
  packedA: usize,
  packed: usize,
  init: usize,
  initRow: usize,
  initColumn: usize,
  out: usize,
  outRow: usize,
  rows: i32,
  columns: i32,
  depth: i32,
  panel: i32,
  scratch: usize,
): void {
  for (let n = 0; n < columns; n += panel) {
    const width = columns - n;
    const fromInit = init + <usize>n * initColumn;
    const to = out + (<usize>n << 2);
    for (let m = 0; m < rows; m += TILE_ROWS) {
      const left = packedA + ((<usize>m * <usize>depth) << 2);
      multiplyAnyTile(left, PACKED_STEP, packed, fromInit + <usize>m * initRow, initRow, initColumn, to + <usize>m * outRow, outRow, depth, rows - m, width, panel, scratch);
    }
    packed += (<usize>depth * <usize>panel) << 2;
  }
}

/** A tile that may be cut off by the last row or column: those go through a whole tile in the scratch. */
@inline
export function multiplyAnyTile(
  a: usize,
  aStep: usize,
  packed: usize,
  init: usize,
  initRow: usize,
  initColumn: usize,
  out: usize,
  outRow: usize,
  depth: i32,
  rows: i32,
  columns: i32,
  panel: i32,
  scratch: usize,
): void {
  const width = panelWidth(columns, panel);
  if (rows >= TILE_ROWS && columns >= width) {
    multiplyTile(width, a, aStep, packed, init, initRow, out, outRow, depth);
  } else {
    multiplyCutTile(a, aStep, packed, init, initRow, initColumn, out, outRow, depth, min(rows, TILE_ROWS), min(columns, width), width, scratch);
  }
}

function multiplyCutTile(
  a: usize,
  aStep: usize,
  packed: usize,
  init: usize,
  initRow: usize,
  initColumn: usize,
  out: usize,
  outRow: usize,
  depth: i32,
  rows: i32,
  columns: i32,
  panel: i32,
  scratch: usize,
): void {
  const tile = scratch + TILE;
  if (initColumn) copyBlock(init, initRow, tile, 64, rows, columns);
  const from = initColumn ? tile : scratch + ZEROS;
  const fromRow: usize = initColumn ? 64 : 0;
  multiplyTile(panel, a, aStep, packed, from, fromRow, tile, 64, depth);
  copyBlock(tile, 64, out, outRow, rows, columns);
}
