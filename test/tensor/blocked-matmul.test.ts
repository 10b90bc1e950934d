import { expect } from "chai";
import fc from "fast-check";
import { createEngine } from "../../src/tensor/engine.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { checkAgainstReference, matmulCall } from "./kernel-cases.ts";

describe("blocked matmul", () => {
  const memory = new Memory();
  const engine = createEngine({ kernels: "blocked", threads: 1 }, memory);
  after(() => engine.close());

  it("is right for all transpositions, strides, batches, accumulation and bias, 1 … 70", () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 70 }),
      columns: fc.integer({ min: 1, max: 70 }),
      inner: fc.integer({ min: 1, max: 70 }),
      seed: fc.nat(),
    });
    const property = fc.property(sizes, ({ seed, ...rest }) => {
      checkAgainstReference(memory, [engine.f32], matmulCall(new Random(seed), rest));
    });
    fc.assert(property, { seed: 1, numRuns: 150 });
  });

  it("is right beyond the sizes of its blocks", () => {
    for (const [rows, columns, inner] of [
      [131, 9, 5],
      [7, 261, 30],
      [20, 33, 259],
      [130, 258, 257],
    ]) {
      checkAgainstReference(memory, [engine.f32], matmulCall(new Random(rows), { rows, columns, inner }));
    }
  });

  it("works in unshared memory", () => {
    const unshared = new Memory({ shared: false });
    const { f32 } = createEngine({ kernels: "blocked" }, unshared);
    checkAgainstReference(unshared, [f32], matmulCall(new Random(1), { rows: 30, columns: 20, inner: 40 }));
  });

  it("leaves operands outside the memory, and doubles, to the reference", () => {
    const call = matmulCall(new Random(2), { rows: 9, columns: 10, inner: 11 });
    for (const Type of [Float32Array, Float64Array]) {
      const [mine, plain] = [0, 1].map(() => call.start.map((operand) => Type.from(operand)));
      call.run(engine.f32, mine);
      call.run(createEngine({ kernels: "reference" }, memory).f32, plain);
      expect(mine[2]).to.deep.equal(plain[2]);
    }
  });
});
