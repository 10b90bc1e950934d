/**
 * Loops over single elements. Each takes the flat range `begin`…`end` of its output; every element is computed by the
 * same instructions wherever the range is cut, so that threads cannot change a result.
 */

import { gelu as geluOf, geluSlope } from "./gelu";
import {
  errorFunction,
  exponential,
  hyperbolicTangent,
  keptMask,
  laneNumbers,
  logarithm,
  logistic,
  madd,
  NEGLIGIBLE,
  one,
  splat,
  storePair,
} from "./lanes";

const ADD = 0;
const SUB = 1;
const MUL = 2;
const DIV = 3;
const MAXIMUM = 4;
const MINIMUM = 5;
const EQUAL = 6;
const LESS = 7;
const LESS_EQUAL = 8;

@inline
function combine(operation: i32, a: v128, b: v128): v128 {
  if (operation == ADD) return f32x4.add(a, b);
  if (operation == SUB) return f32x4.sub(a, b);
  if (operation == MUL) return f32x4.mul(a, b);
  if (operation == DIV) return f32x4.div(a, b);
  if (operation == MAXIMUM) return f32x4.max(a, b);
  if (operation == MINIMUM) return f32x4.min(a, b);
  if (operation == EQUAL) return v128.and(f32x4.eq(a, b), one());
  if (operation == LESS) return v128.and(f32x4.lt(a, b), one());
  return v128.and(f32x4.le(a, b), one());
}

/** out[i] = a[i] ∘ b[i], where an operand may repeat its one element. */
@inline
function combineRun(operation: i32, repeatA: bool, repeatB: bool, a: usize, b: usize, out: usize, count: i32): void {
  const whole = <usize>(count & ~7) << 2;
  const onlyA = v128.load32_splat(a);
  const onlyB = v128.load32_splat(b);
  let at: usize = 0;
  for (; at < whole; at += 32) {
    const a0 = repeatA ? onlyA : v128.load(a + at);
    const a1 = repeatA ? onlyA : v128.load(a + at, 16);
    const b0 = repeatB ? onlyB : v128.load(b + at);
    const b1 = repeatB ? onlyB : v128.load(b + at, 16);
    storePair(out + at, combine(operation, a0, b0), combine(operation, a1, b1));
  }
  const end = <usize>count << 2;
  for (; at < end; at += 4) {
    const x = v128.load32_zero(repeatA ? a : a + at);
    const y = v128.load32_zero(repeatB ? b : b + at);
    v128.store_lane<f32>(out + at, combine(operation, x, y), 0);
  }
}

/**
 * out[rows, columns] = a ∘ b, an operand's element (r, c) at r·row + c·column (in elements, from its address).
 * Reference: `add` and its siblings.
 */
@inline
function combineRows(
  operation: i32,
  a: usize,
  b: usize,
  out: usize,
  columns: i32,
  aRow: i32,
  aColumn: i32,
  bRow: i32,
  bColumn: i32,
  begin: i32,
  end: i32,
): void {
  let row = begin / columns;
  let column = begin % columns;
  while (begin < end) {
    const count = min(columns - column, end - begin);
    const left = a + (<usize>(row * aRow + column * aColumn) << 2);
    const right = b + (<usize>(row * bRow + column * bColumn) << 2);
    const to = out + (<usize>begin << 2);
    if (aColumn == 1 && bColumn == 1) combineRun(operation, false, false, left, right, to, count);
    else if (aColumn == 1 && bColumn == 0) combineRun(operation, false, true, left, right, to, count);
    else if (aColumn == 0 && bColumn == 1) combineRun(operation, true, false, left, right, to, count);
    else {
      for (let i = 0; i < count; i++) {
        const x = v128.load32_zero(left + (<usize>(i * aColumn) << 2));
        const y = v128.load32_zero(right + (<usize>(i * bColumn) << 2));
        v128.store_lane<f32>(to + (<usize>i << 2), combine(operation, x, y), 0);
      }
    }
    begin += count;
    column = 0;
    row++;
  }
}

export function add(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(ADD, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function sub(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(SUB, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function mul(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(MUL, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function div(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(DIV, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function maximum(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(MAXIMUM, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function minimum(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(MINIMUM, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function equal(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(EQUAL, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function less(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(LESS, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

export function lessEqual(a: usize, b: usize, out: usize, columns: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, begin: i32, end: i32): void {
  combineRows(LESS_EQUAL, a, b, out, columns, aRow, aColumn, bRow, bColumn, begin, end);
}

const NEG = 0;
const EXP = 1;
const LOG = 2;
const SQRT = 3;
const ABS = 4;
const SIGN = 5;
const TANH = 6;
const SIGMOID = 7;
const RELU = 8;
const ERF = 9;
const GELU = 10;
const GELU_TANH = 11;
const SILU = 12;

@inline
function map(operation: i32, x: v128): v128 {
  if (operation == NEG) return f32x4.neg(x);
  if (operation == EXP) return exponential(x);
  if (operation == LOG) return logarithm(x);
  if (operation == SQRT) return f32x4.sqrt(x);
  if (operation == ABS) return f32x4.abs(x);
  if (operation == SIGN) {
    const positive = v128.and(f32x4.gt(x, splat(0)), one());
    return v128.bitselect(f32x4.sub(positive, v128.and(f32x4.lt(x, splat(0)), one())), x, f32x4.eq(x, x));
  }
  if (operation == TANH) return hyperbolicTangent(x);
  if (operation == SIGMOID) return logistic(x);
  if (operation == RELU) return v128.andnot(x, f32x4.le(x, splat(0)));
  if (operation == ERF) return errorFunction(x);
  if (operation == GELU) return geluOf(true, x);
  if (operation == GELU_TANH) return geluOf(false, x);
  return f32x4.mul(x, logistic(x, NEGLIGIBLE));
}

/** out[i] = f(x[i]). Reference: the kernel of the exported name. */
@inline
function mapRange(operation: i32, x: usize, out: usize, begin: i32, end: i32): void {
  let at = <usize>begin << 2;
  const whole = at + (<usize>((end - begin) & ~7) << 2);
  for (; at < whole; at += 32) {
    const low = map(operation, v128.load(x + at));
    const high = map(operation, v128.load(x + at, 16));
    storePair(out + at, low, high);
  }
  const last = <usize>end << 2;
  for (; at < last; at += 4) {
    v128.store_lane<f32>(out + at, map(operation, v128.load32_zero(x + at)), 0);
  }
}

export function neg(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(NEG, x, out, begin, end);
}

export function exp(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(EXP, x, out, begin, end);
}

export function log(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(LOG, x, out, begin, end);
}

export function sqrt(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(SQRT, x, out, begin, end);
}

export function abs(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(ABS, x, out, begin, end);
}

export function sign(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(SIGN, x, out, begin, end);
}

export function tanh(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(TANH, x, out, begin, end);
}

export function sigmoid(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(SIGMOID, x, out, begin, end);
}

export function relu(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(RELU, x, out, begin, end);
}

export function erf(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(ERF, x, out, begin, end);
}

export function gelu(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(GELU, x, out, begin, end);
}

export function geluTanh(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(GELU_TANH, x, out, begin, end);
}

export function silu(x: usize, out: usize, begin: i32, end: i32): void {
  mapRange(SILU, x, out, begin, end);
}

/** f′(x) of {@link map}'s GELU, GELU_TANH and SILU. */
@inline
function slope(operation: i32, x: v128): v128 {
  if (operation == GELU) return geluSlope(true, x);
  if (operation == GELU_TANH) return geluSlope(false, x);
  const gate = logistic(x, NEGLIGIBLE);
  return madd(f32x4.mul(x, gate), f32x4.sub(one(), gate), gate);
}

/** out[i] = gradient[i]·f′(x[i]). Reference: the kernel of the exported name. */
@inline
function slopeRange(operation: i32, x: usize, gradient: usize, out: usize, begin: i32, end: i32): void {
  let at = <usize>begin << 2;
  const whole = at + (<usize>((end - begin) & ~7) << 2);
  for (; at < whole; at += 32) {
    const low = f32x4.mul(v128.load(gradient + at), slope(operation, v128.load(x + at)));
    const high = f32x4.mul(v128.load(gradient + at, 16), slope(operation, v128.load(x + at, 16)));
    storePair(out + at, low, high);
  }
  const last = <usize>end << 2;
  for (; at < last; at += 4) {
    const y = f32x4.mul(v128.load32_zero(gradient + at), slope(operation, v128.load32_zero(x + at)));
    v128.store_lane<f32>(out + at, y, 0);
  }
}

export function geluBackward(x: usize, gradient: usize, out: usize, begin: i32, end: i32): void {
  slopeRange(GELU, x, gradient, out, begin, end);
}

export function geluTanhBackward(x: usize, gradient: usize, out: usize, begin: i32, end: i32): void {
  slopeRange(GELU_TANH, x, gradient, out, begin, end);
}

export function siluBackward(x: usize, gradient: usize, out: usize, begin: i32, end: i32): void {
  slopeRange(SILU, x, gradient, out, begin, end);
}

/** out[i] = condition[i] ≠ 0 ? a[i] : b[i]. Reference: `where`. */
export function where(condition: usize, a: usize, b: usize, out: usize, begin: i32, end: i32): void {
  let at = <usize>begin << 2;
  const whole = at + (<usize>((end - begin) & ~7) << 2);
  for (; at < whole; at += 32) {
    const chosen0 = f32x4.ne(v128.load(condition + at), splat(0));
    const chosen1 = f32x4.ne(v128.load(condition + at, 16), splat(0));
    const low = v128.bitselect(v128.load(a + at), v128.load(b + at), chosen0);
    const high = v128.bitselect(v128.load(a + at, 16), v128.load(b + at, 16), chosen1);
    storePair(out + at, low, high);
  }
  const last = <usize>end << 2;
  for (; at < last; at += 4) {
    store<f32>(out + at, load<f32>(condition + at) != 0 ? load<f32>(a + at) : load<f32>(b + at));
  }
}

/** out[i] = value. Reference: `fill`. */
export function fill(out: usize, value: f32, begin: i32, end: i32): void {
  let at = <usize>begin << 2;
  const whole = at + (<usize>((end - begin) & ~7) << 2);
  const x = splat(value);
  for (; at < whole; at += 32) {
    storePair(out + at, x, x);
  }
  const last = <usize>end << 2;
  for (; at < last; at += 4) store<f32>(out + at, value);
}

/** out[i] = factor·x[i]. Reference: `scale`. */
export function scale(x: usize, out: usize, factor: f32, begin: i32, end: i32): void {
  let at = <usize>begin << 2;
  const whole = at + (<usize>((end - begin) & ~7) << 2);
  const factors = splat(factor);
  for (; at < whole; at += 32) {
    const low = f32x4.mul(v128.load(x + at), factors);
    const high = f32x4.mul(v128.load(x + at, 16), factors);
    storePair(out + at, low, high);
  }
  const last = <usize>end << 2;
  for (; at < last; at += 4) store<f32>(out + at, load<f32>(x + at) * factor);
}

/** out[i] = the counter keeps i ? x[i]·factor : 0. Reference: `dropout`; `factor` = 1/(1 − p). */
export function dropout(
  x: usize,
  out: usize,
  threshold: u32,
  factor: f32,
  seedLow: i32,
  seedHigh: i32,
  begin: i32,
  end: i32,
): void {
  const factors = splat(factor);
  const lanes0 = laneNumbers();
  const lanes1 = laneNumbers(1);
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const at = <usize>i << 2;
    const low = v128.and(f32x4.mul(v128.load(x + at), factors), keptMask(i, seedLow, seedHigh, threshold, lanes0));
    const high = v128.and(f32x4.mul(v128.load(x + at, 16), factors), keptMask(i, seedLow, seedHigh, threshold, lanes1));
    storePair(out + at, low, high);
  }
  for (; i < end; i++) {
    const at = <usize>i << 2;
    const kept = keptMask(i, seedLow, seedHigh, threshold);
    v128.store_lane<f32>(out + at, v128.and(f32x4.mul(v128.load32_zero(x + at), factors), kept), 0);
  }
}
