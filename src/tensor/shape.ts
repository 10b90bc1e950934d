/** Shapes: sizes, strides, axes and broadcasting, with errors that name what was wrong. */

/** Sizes of the axes, outermost first; [] is a scalar. */
export type Shape = readonly number[];

/** A shape does not fit: says which operation, which dimension and which numbers. */
export class ShapeError extends Error {
  override name = "ShapeError";
}

/** Number of elements: the product of the sizes. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Refuses sizes that are not whole numbers ≥ 0. */
export function checkShape(operation: string, shape: Shape): Shape {
  for (const length of shape) {
    if (!Number.isInteger(length) || length < 0) {
      throw new ShapeError(
        `${operation}: shape ${formatShape(shape)} has a size that is not a whole number ≥ 0: ${length}`,
      );
    }
  }
  return shape;
}

/**
 * The shape of two operands together, aligned at the last axis; a size 1 stretches.
 * @throws ShapeError naming the operation, the axis and both sizes.
 */
export function broadcastShapes(operation: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    const left = a[a.length - fromEnd] ?? 1;
    const right = b[b.length - fromEnd] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError(
        `${operation}: cannot broadcast ${formatShape(a)} with ${formatShape(b)}: axis −${fromEnd} has sizes ${left} and ${right}`,
      );
    }
    result[rank - fromEnd] = left === 1 ? right : left;
  }
  return result;
}

/** A possibly negative axis as 0 … rank−1. */
export function resolveAxis(operation: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
    throw new ShapeError(`${operation}: axis ${axis} does not exist in a tensor of ${rank} axes`);
  }
  return resolved;
}

/** Several axes, ascending and distinct; `undefined` means all of them. */
export function resolveAxes(operation: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof axes === "number" ? [axes] : axes;
  const resolved = list.map((axis) => resolveAxis(operation, axis, rank)).sort((a, b) => a - b);
  for (let index = 1; index < resolved.length; index++) {
    if (resolved[index] === resolved[index - 1]) {
      throw new ShapeError(`${operation}: axis ${resolved[index]} is named twice in [${list.join(", ")}]`);
    }
  }
  return resolved;
}

/** The shape with one axis seen from the middle: [outer, size, inner]. */
export function axisLayout(shape: Shape, axis: number): { outer: number; size: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), size: shape[axis], inner: sizeOf(shape.slice(axis + 1)) };
}
