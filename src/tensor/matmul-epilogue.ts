/** What follows a matrix product, as passes of their own: the definition of what the SIMD kernels do inside the product. */

import type { Kernels, MatmulEpilogueName, MatmulLayout, Numbers } from "./kernels.ts";

/** Adds the residual to a product with its bias, and applies the epilogue. */
export function finishProduct(kernels: Kernels, out: Numbers, { residual, epilogue }: MatmulLayout): void {
  if (residual !== undefined) kernels.accumulate(residual, out);
  if (epilogue === undefined) return;
  const { name, inputs } = epilogue;
  if (name === "geluBackward" || name === "geluTanhBackward") kernels[name](inputs, out, out);
  else {
    inputs.set(out);
    kernels[name](inputs, out);
  }
}

/** How the compiled product is told its epilogue; 0 is none. */
export const EPILOGUE_NUMBERS: Record<MatmulEpilogueName, number> = {
  gelu: 1,
  geluTanh: 2,
  geluBackward: 3,
  geluTanhBackward: 4,
};
