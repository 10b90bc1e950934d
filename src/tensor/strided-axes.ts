/** Strided views in their simplest form. */

import type { StridedLayout } from "./kernels.ts";

/**
 * The same walk over `count` axes: axes of size 1 dropped, neighbours that form one longer axis joined, and filled up with
 * axes of size 1 in front. Null when it needs more axes.
 */
export function mergeAxes(
  { sizes, strides }: StridedLayout,
  count: number,
): { sizes: number[]; strides: number[]; elements: number; isInjective: boolean } | null {
  const newSizes: number[] = [];
  const newStrides: number[] = [];
  let elements = 1;
  for (let axis = 0; axis < sizes.length; axis++) {
    elements *= sizes[axis];
    if (sizes[axis] === 1) continue;
    const last = newSizes.length - 1;
    if (last >= 0 && newStrides[last] === sizes[axis] * strides[axis]) {
      newSizes[last] *= sizes[axis];
      newStrides[last] = strides[axis];
    } else {
      newSizes.push(sizes[axis]);
      newStrides.push(strides[axis]);
    }
  }
  if (newSizes.length > count) return null;
  while (newSizes.length < count) {
    newSizes.unshift(1);
    newStrides.unshift(0);
  }
  return { sizes: newSizes, strides: newStrides, elements, isInjective: isInjective(newSizes, newStrides) };
}

/** Whether no element is met twice: each axis steps over all that the finer axes reach. */
function isInjective(sizes: readonly number[], strides: readonly number[]): boolean {
  const axes = sizes.map((size, axis) => ({ size, stride: Math.abs(strides[axis]) })).filter(({ size }) => size > 1);
  axes.sort((one, other) => one.stride - other.stride);
  let reach = 0;
  for (const { size, stride } of axes) {
    if (stride <= reach) return false;
    reach += (size - 1) * stride;
  }
  return true;
}
