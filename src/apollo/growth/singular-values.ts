/**
 * Singular value decomposition by one-sided Jacobi rotations (Hestenes): pairs of rows are rotated until all are orthogonal. In
 * f64, on plain arrays: short, and as exact as the numbers are, for the smallest values too.
 */

export interface SingularValues {
  /** r, the smaller of rows and columns. */
  rank: number;
  /** U [rows, r], columns orthonormal. */
  left: Float64Array;
  /** Σ [r], the largest first. */
  values: Float64Array;
  /** Vᵀ [r, columns], rows orthonormal; 0 instead (in U, where rows are more than columns) beside a singular value of 0. */
  right: Float64Array;
}

/** Rows whose cosine is below this are orthogonal. */
const ORTHOGONAL = 1e-14;
/** Convergence is quadratic: ten are many. */
const MOST_SWEEPS = 60;

/** A = U·Σ·Vᵀ, A [rows, columns] row by row. @throws when A holds a number that is not finite. */
export function singularValues(A: ArrayLike<number>, rows: number, columns: number): SingularValues {
  if (rows > columns) {
    const { rank, left, values, right } = singularValues(transposed(A, rows, columns), columns, rows);
    return { rank, left: transposed(right, rank, rows), values, right: transposed(left, columns, rank) };
  }
  const rotated = Array.from({ length: rows }, (_, row) =>
    Float64Array.from({ length: columns }, (_, column) => A[row * columns + column]),
  );
  if (!rotated.every((row) => row.every(Number.isFinite)))
    throw new Error("singular values: the matrix holds numbers that are not finite");
  // Rotations gather here: rotated = turns·A, so that U is their transpose.
  const turns = rotated.map((_, row) => {
    const axis = new Float64Array(rows);
    axis[row] = 1;
    return axis;
  });
  for (let sweeps = 0; sweeps < MOST_SWEEPS && sweep(rotated, turns); sweeps++);

  const lengths = rotated.map((row) => Math.sqrt(dot(row, row)));
  const order = [...lengths.keys()].sort((a, b) => lengths[b] - lengths[a]);
  const left = new Float64Array(rows * rows);
  const right = new Float64Array(rows * columns);
  order.forEach((row, place) => {
    turns[row].forEach((value, index) => {
      left[index * rows + place] = value;
    });
    if (lengths[row] > 0)
      right.set(
        rotated[row].map((value) => value / lengths[row]),
        place * columns,
      );
  });
  return { rank: rows, left, values: Float64Array.from(order, (row) => lengths[row]), right };
}

/** Makes every pair of rows orthogonal once. @returns whether any was not. */
function sweep(rows: readonly Float64Array[], turns: readonly Float64Array[]): boolean {
  let isMoved = false;
  const squares = rows.map((row) => dot(row, row));
  for (let p = 0; p < rows.length; p++) {
    for (let q = p + 1; q < rows.length; q++) {
      const shared = dot(rows[p], rows[q]);
      if (Math.abs(shared) <= ORTHOGONAL * Math.sqrt(squares[p] * squares[q])) continue;
      isMoved = true;
      const half = (squares[q] - squares[p]) / (2 * shared);
      const tangent = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.hypot(1, half));
      const cosine = 1 / Math.hypot(1, tangent);
      rotate(rows[p], rows[q], cosine, cosine * tangent);
      rotate(turns[p], turns[q], cosine, cosine * tangent);
      squares[p] = Math.max(0, squares[p] - tangent * shared);
      squares[q] += tangent * shared;
    }
  }
  return isMoved;
}

function dot(a: Float64Array, b: Float64Array): number {
  let [even, odd] = [0, 0];
  const last = a.length - 1;
  for (let index = 0; index < last; index += 2) {
    even += a[index] * b[index];
    odd += a[index + 1] * b[index + 1];
  }
  return even + odd + (a.length % 2 === 1 ? a[last] * b[last] : 0);
}

function rotate(a: Float64Array, b: Float64Array, cosine: number, sine: number): void {
  for (let index = 0; index < a.length; index++) {
    const before = a[index];
    a[index] = cosine * before - sine * b[index];
    b[index] = sine * before + cosine * b[index];
  }
}

/** [rows, columns] → [columns, rows] */
export function transposed(A: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = A[row * columns + column];
  return result;
}
