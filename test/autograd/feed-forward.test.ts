import { expect } from "chai";
import fc from "fast-check";
import { countFlops, feedForward, linear, readableFeedForward } from "../../src/autograd/index.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import type { DType } from "../../src/tensor/storage.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectAllClose } from "../nn/expect-close.ts";

const situations = fc.record({
  batches: fc.integer({ min: 1, max: 3 }),
  tokens: fc.integer({ min: 1, max: 41 }),
  hidden: fc.integer({ min: 1, max: 37 }),
  inner: fc.integer({ min: 1, max: 83 }),
  approximate: fc.constantFrom("none" as const, "tanh" as const),
  hasResidual: fc.boolean(),
  seed: fc.nat(),
});
type Situation = typeof situations extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** Output and gradients of all inputs, by name. */
function outcome(apply: typeof feedForward, situation: Situation, dtype: DType): Map<string, Float64Array> {
  const { batches, tokens, hidden, inner, approximate, hasResidual, seed } = situation;
  const random = new Random(seed);
  const draw = (shape: number[]) => {
    const values = Float64Array.from({ length: sizeOf(shape) }, () => random.normal() / Math.sqrt(shape[0]));
    const tensor = Tensor.from(values, shape, dtype);
    tensor.requiresGrad = true;
    return tensor;
  };
  const inputs = {
    x: draw([batches, tokens, hidden]),
    up: draw([hidden, inner]),
    upBias: draw([inner]),
    down: draw([inner, hidden]),
    downBias: draw([hidden]),
    residual: draw([batches, tokens, hidden]),
  };
  const { x, up, upBias, down, downBias, residual } = inputs;
  const weights = { up: { weight: up, bias: upBias }, down: { weight: down, bias: downBias } };
  const y = apply(x, weights, { approximate, ...(hasResidual && { residual }) });
  y.mul(draw(y.shape as number[]).detach())
    .sum()
    .backward();
  const results = new Map([["y", Float64Array.from(y.numbers)]]);
  for (const [name, { grad }] of Object.entries(inputs)) {
    if (grad !== null) results.set(name, Float64Array.from(grad.numbers));
  }
  return results;
}

describe("feedForward", () => {
  it("f64: fused equals the readable composition, all gradients too", () => {
    const property = fc.property(situations, (situation) => {
      scope(() => {
        const [fused, readable] = [feedForward, readableFeedForward].map((f) => outcome(f, situation, "f64"));
        expect([...fused.keys()]).to.deep.equal([...readable.keys()]);
        expect(fused.has("residual")).to.equal(situation.hasResidual);
        expectAllClose(fused, readable, 1e-12);
      });
    });
    fc.assert(property, { seed: 1, numRuns: 60 });
  });

  for (const kernels of KERNEL_SETS) {
    it(`f32, ${kernels} kernels: the same within 1e-5 of every norm`, () => {
      configureEngine({ kernels });
      const property = fc.property(situations, (situation) => {
        scope(() => {
          const [fused, readable] = [feedForward, readableFeedForward].map((f) => outcome(f, situation, "f32"));
          expectAllClose(fused, readable, 1e-5);
        });
      });
      fc.assert(property, { seed: 1, numRuns: 60 });
    });
  }
  after(() => configureEngine());

  it("counts the way back through the second map once, even where the input is frozen", () => {
    const weights = () => {
      const [up, down] = [Tensor.from(new Float32Array(6), [2, 3]), Tensor.from(new Float32Array(6), [3, 2])];
      const [upBias, downBias] = [Tensor.from([0, 0, 0], [3]), Tensor.from([0, 0], [2])];
      return { up: { weight: up, bias: upBias }, down: { weight: down, bias: downBias } };
    };
    /** FLOPs in units of one product [5, 2]·[2, 3]. */
    const products = (apply: typeof feedForward, wants: (parts: ReturnType<typeof weights>, x: Tensor) => Tensor[]) =>
      scope(() => {
        const parts = weights();
        const x = Tensor.from(new Float32Array(10), [5, 2]);
        for (const tensor of wants(parts, x)) tensor.requiresGrad = true;
        const { flops } = countFlops(() => apply(x, parts, { approximate: "none" }).sum().backward());
        return flops.model / (2 * 5 * 2 * 3);
      });
    for (const apply of [feedForward, readableFeedForward]) {
      expect(products(apply, ({ up, down }, x) => [x, up.weight, down.weight])).to.equal(6);
      expect(products(apply, ({ up, down }) => [up.weight, down.weight])).to.equal(5);
      expect(products(apply, ({ up }) => [up.bias])).to.equal(3);
      expect(products(apply, ({ down }) => [down.weight])).to.equal(3);
      expect(products(apply, ({ down }) => [down.bias])).to.equal(2);
    }
  });

  it("names what does not fit", () => {
    const of = (...shape: number[]) => Tensor.from(new Float32Array(sizeOf(shape)), shape);
    const up = { weight: of(2, 3), bias: of(3) };
    expect(() =>
      feedForward(of(5, 2), { up, down: { weight: of(4, 2), bias: of(2) } }, { approximate: "none" }),
    ).to.throw("feedForward (down): inner dimensions differ in [5, 3] · [4, 2]: 3 and 4");
    expect(() => linear(of(5, 2), up.weight, up.bias, { residual: of(5, 4) })).to.throw(
      "linear: residual [5, 4] does not fit the output [5, 3]",
    );
    const wrong = { approximate: "sigmoid" as "tanh" };
    expect(() => feedForward(of(5, 2), { up, down: { weight: of(3, 2), bias: of(2) } }, wrong)).to.throw(
      'feedForward: approximate must be "none" or "tanh", not "sigmoid"',
    );
  });
});
