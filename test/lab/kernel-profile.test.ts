import { expect } from "chai";
import { profileKernels } from "../../src/lab/kernel-profile.ts";
import { trainingSteps } from "../../src/lab/step-times.ts";

const SIZE = { hidden: 12, layers: 2, heads: 3, context: 7, batch: 2, vocabulary: 11 };

describe("a profile of the kernels", () => {
  const profile = profileKernels({ ...SIZE, steps: 5 });

  it("books a step's time to kernels, the longest first, and the rest to JavaScript", () => {
    const { stepMs, kernelMs, uses } = profile;
    expect(kernelMs).to.be.greaterThan(0);
    expect(kernelMs).to.be.lessThan(stepMs);
    expect(uses.reduce((total, { ms }) => total + ms, 0)).to.be.closeTo(kernelMs, 1e-9);
    expect(uses.map(({ ms }) => ms)).to.deep.equal(uses.map(({ ms }) => ms).sort((a, b) => b - a));
    expect(new Set(uses.map(({ name }) => name)).size).to.equal(uses.length);
  });

  it("counts the calls of a mean step, and tells matrix products apart by transposition and sizes", () => {
    const calls = new Map(profile.uses.map(({ name, calls }) => [name, Math.round(1e6 * calls) / 1e6]));
    for (const [name, count] of [
      ["adamw", 1],
      ["sumOfSquares", 1],
      ["attention", SIZE.layers],
      ["attentionBackward", SIZE.layers],
      // The projections to queries, keys and values: forward, and the gradients of both operands.
      [`matmul NN 14×12×36`, SIZE.layers],
      [`matmul NT 14×36×12`, SIZE.layers],
      [`matmul TN 12×14×36`, SIZE.layers],
    ] as const)
      expect(calls.get(name), name).to.equal(count);
  });

  it("counts the floating-point operations that the step's record says were executed", () => {
    const { executedFlops } = trainingSteps(SIZE).next().value!;
    const counted = profile.uses.reduce((total, { flops }) => total + (flops ?? 0), 0);
    expect(counted).to.be.closeTo(executedFlops, 1e-6 * executedFlops);
  });

  it("counts the bytes of every operand once, in lists and layouts too", () => {
    const of = (wanted: string) => profile.uses.find(({ name }) => name === wanted)!.bytes;
    // x, weight, out and the bias of its layout.
    expect(of("matmul NN 14×12×36") / SIZE.layers).to.be.closeTo(4 * (14 * 12 + 12 * 36 + 14 * 36 + 36), 1e-6);
    // Parameter, gradient and both moments, against the gradients alone.
    expect(of("adamw")).to.be.closeTo(4 * of("sumOfSquares"), 1e-6);
  });
});
