/** Printing: shape and numbers, in NumPy's layout. */

import { formatShape, type Shape } from "./shape.ts";
import type { DType } from "./storage.ts";

/** Above this many elements only the ends of each axis are shown. */
const FULL_SIZE = 1000;
const EDGE = 3;
/** Longer rows go on in the next line. */
const LINE_WIDTH = 75;

/** What printing needs to know of a tensor. */
interface Printable {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly isReleased: boolean;
  readonly data: ArrayLike<number>;
}

/** A tensor as text: its shape and type, then its numbers in aligned columns, long axes shortened with "…". */
export function formatTensor(tensor: Printable): string {
  const head = `Tensor${formatShape(tensor.shape)} ${tensor.dtype}`;
  if (tensor.isReleased) return `${head} (released)`;
  const { data, shape } = tensor;
  const edge = data.length > FULL_SIZE ? EDGE : Number.POSITIVE_INFINITY;
  const shown: number[] = [];
  visit(shape, edge, (index) => shown.push(data[index]));
  const write = numberFormat(shown, tensor.dtype === "i32");
  const width = Math.max(0, ...shown.map((value) => write(value).length));
  const build = (axis: number, start: number, indent: string): string => {
    if (axis === shape.length) return write(data[start]).padStart(width);
    const stride = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
    const parts: string[] = [];
    for (const index of shownIndices(shape[axis], edge)) {
      parts.push(index === null ? "…" : build(axis + 1, start + index * stride, `${indent} `));
    }
    const isLast = axis === shape.length - 1;
    if (isLast) return `[${wrap(parts, indent)}]`;
    return `[${parts.join(`,${"\n".repeat(shape.length - 1 - axis)}${indent} `)}]`;
  };
  return `${head}\n${build(0, 0, "")}`;
}

/** The numbers of a row with commas between, in as many lines as they need. */
function wrap(parts: readonly string[], indent: string): string {
  let line = indent.length + 1;
  return parts.reduce((text, part) => {
    line += part.length + 2;
    if (text === "") return part;
    if (line <= LINE_WIDTH) return `${text}, ${part}`;
    line = indent.length + part.length + 3;
    return `${text},\n${indent} ${part}`;
  }, "");
}

function* shownIndices(length: number, edge: number): Generator<number | null> {
  for (let index = 0; index < length; index++) {
    if (length > 2 * edge && index === edge) {
      yield null;
      index = length - edge;
    }
    yield index;
  }
}

function visit(shape: readonly number[], edge: number, use: (index: number) => void, axis = 0, start = 0): void {
  if (axis === shape.length) return use(start);
  const stride = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
  for (const index of shownIndices(shape[axis], edge)) {
    if (index !== null) visit(shape, edge, use, axis + 1, start + index * stride);
  }
}

/** One format for all: whole numbers bare, moderate ones with as many decimals as needed (at most 4), others in powers of ten. */
function numberFormat(values: readonly number[], whole: boolean): (value: number) => string {
  if (whole) return String;
  const finite = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const largest = Math.max(0, ...finite);
  const smallest = Math.min(Number.POSITIVE_INFINITY, ...finite);
  if (largest >= 1e8 || (finite.length > 0 && (smallest < 1e-4 || largest / smallest > 1e6))) {
    return (value) => (Number.isFinite(value) ? signed(value, value.toExponential(4)) : String(value));
  }
  const decimals = Math.max(0, ...finite.map(decimalsOf));
  const point = decimals === 0 ? "." : "";
  return (value) => (Number.isFinite(value) ? signed(value, `${value.toFixed(decimals)}${point}`) : String(value));
}

/** JavaScript writes −0 without its sign. */
function signed(value: number, text: string): string {
  return Object.is(value, -0) ? `-${text}` : text;
}

function decimalsOf(value: number): number {
  const text = value.toFixed(4).replace(/0+$/, "");
  return text.length - text.indexOf(".") - 1;
}
