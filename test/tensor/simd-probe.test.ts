import { expect } from "chai";
import type { Kernels, MatmulLayout, Numbers } from "../../src/tensor/kernels.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { referenceKernels } from "../../src/tensor/reference-kernels.ts";
import { findWrongKernel } from "../../src/tensor/simd-probe.ts";

/** The reference's kernels, but that one of them changes the last number of a result a little. */
function wrongIn<Name extends keyof Kernels>(
  name: Name,
  resultOf: (operands: Parameters<Kernels[Name]>) => Numbers | null,
): Kernels {
  const kernel = referenceKernels[name] as (...operands: Parameters<Kernels[Name]>) => unknown;
  return {
    ...referenceKernels,
    [name](...operands: Parameters<Kernels[Name]>) {
      kernel(...operands);
      const result = resultOf(operands);
      if (result !== null) result[result.length - 1] += 1e-3;
    },
  };
}

const productWhere = (isWrong: (layout: MatmulLayout) => boolean) =>
  wrongIn("matmul", ([, , out, layout]) => (isWrong(layout) ? out : null));

describe("the probe of compiled kernels", () => {
  const memory = new Memory();
  const wrongSets: [name: keyof Kernels, label: string, kernels: Kernels][] = [
    ["matmul", "a product NN", productWhere(({ transposeA, transposeB }) => !transposeA && !transposeB)],
    ["matmul", "a product NT", productWhere(({ transposeB }) => transposeB)],
    ["matmul", "a product TN", productWhere(({ transposeA }) => transposeA)],
    ["layerNorm", "layerNorm's result", wrongIn("layerNorm", ([, , , out]) => out)],
    ["layerNorm", "layerNorm's deviation", wrongIn("layerNorm", ([, , , , , rstd]) => rstd)],
    ["layerNormBackward", "layerNormBackward", wrongIn("layerNormBackward", ([, , , , , out]) => out)],
    ["softmax", "softmax", wrongIn("softmax", ([, out]) => out)],
    ["adamw", "adamw's parameter", wrongIn("adamw", ([[{ parameter }]]) => parameter)],
    ["adamw", "adamw's second moment", wrongIn("adamw", ([[{ v }]]) => v)],
  ];

  for (const [name, label, kernels] of wrongSets) {
    it(`finds ${label} wrong in a single element`, () => {
      expect(findWrongKernel(memory, [kernels])).to.equal(name);
    });
  }

  it("finds sets that differ in a rounding, and nothing in equal ones", () => {
    const rounded: Kernels = {
      ...referenceKernels,
      softmax(x, out, layout) {
        referenceKernels.softmax(x, out, layout);
        out[0] *= 1 + 2e-7;
      },
    };
    expect(findWrongKernel(memory, [rounded, rounded])).to.equal(null);
    expect(findWrongKernel(memory, [referenceKernels, rounded])).to.equal("softmax");
  });
});
