import { expect } from "chai";
import fc from "fast-check";
import { clipCoefficient, clipGradNorm, gradientNorm } from "../../src/optim/clip.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Parameter, Tensor } from "../../src/tensor/tensor.ts";
import { makeParameters, setGradient } from "./updates.ts";

/** Parameters of which some have a gradient, and those gradients as one list. */
function withGradients(seed: number, size: number, dtype: "f32" | "f64" = "f32") {
  const random = new Random(seed);
  const parameters = makeParameters(seed, dtype);
  for (const parameter of parameters) if (random.integer(4) > 0) setGradient(parameter, random, size);
  return { parameters, gradients: () => parameters.flatMap(({ grad }) => (grad === null ? [] : [...grad.numbers])) };
}

const normOf = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

const sizes = fc.constantFrom(1e-6, 1e-3, 1, 50, 1e6);
const maxima = fc.constantFrom(1e-3, 0.5, 1, 10);

describe("clipping gradients", () => {
  for (const kernels of KERNEL_SETS) {
    it(`leaves the common norm at most the maximum and the direction as it was (${kernels} kernels)`, () => {
      configureEngine({ kernels, threads: 1 });
      try {
        fc.assert(
          fc.property(fc.nat(1e6), sizes, maxima, (seed, size, maximum) => {
            scope(() => {
              const { parameters, gradients } = withGradients(seed, size);
              const present = parameters.map(({ grad }) => grad !== null);
              const before = gradients();
              const norm = normOf(before);
              const returned = clipGradNorm(parameters, maximum);
              expect(returned).to.be.closeTo(norm, 1e-6 * norm);
              expect(parameters.map(({ grad }) => grad !== null)).to.deep.equal(present);
              const after = gradients();
              if (norm <= maximum * (1 - 1e-6) - 1e-6) expect(after).to.deep.equal(before);
              expect(normOf(after)).to.be.at.most(maximum * (1 + 1e-6));
              if (norm > maximum) expect(normOf(after)).to.be.closeTo((maximum * norm) / (norm + 1e-6), 1e-6 * maximum);
              // after = factor·before, element by element.
              const factor = Math.min(1, maximum / (norm + 1e-6));
              const worst = Math.max(0, ...after.map((value, index) => Math.abs(value - factor * before[index])));
              expect(worst).to.be.at.most(1e-6 * factor * norm);
            });
          }),
          { seed: 121, numRuns: 120 },
        );
      } finally {
        configureEngine();
      }
    });
  }

  it("sums squares in double precision: what is lost in f32 counts", () => {
    const parameter = new Parameter([20_001], (values) => values.fill(0));
    parameter.grad = Tensor.from(new Float32Array(20_001).fill(1e-3), [20_001]);
    parameter.grad.numbers[0] = 100;
    // 20,000 times 1e-6 beside 10,000; in f32 each of them would be rounded away.
    expect(gradientNorm([parameter]) ** 2).to.be.closeTo(10_000.02, 1e-6);
  });

  it("gives the same norm for f64", () => {
    const { parameters, gradients } = withGradients(3, 2, "f64");
    expect(gradientNorm(parameters)).to.be.closeTo(normOf(gradients()), 1e-12);
  });

  it("is 0 without gradients, and leaves zeros alone", () => {
    const parameter = new Parameter([3], (values) => values.fill(1));
    expect(clipGradNorm([parameter], 1)).to.equal(0);
    expect(clipGradNorm([], 1)).to.equal(0);
    expect(parameter.grad).to.equal(null);
    parameter.grad = Tensor.from([0, 0, 0], [3]);
    expect(clipGradNorm([parameter], 1)).to.equal(0);
    expect(parameter.grad.toArray()).to.deep.equal([0, 0, 0]);
  });

  it("counts and scales a parameter once that is named twice", () => {
    const parameter = new Parameter([2], (values) => values.fill(1));
    parameter.grad = Tensor.from([3, 4], [2]);
    expect(gradientNorm([parameter, parameter])).to.equal(5);
    expect(clipGradNorm([parameter, parameter], 1)).to.equal(5);
    expect(gradientNorm([parameter])).to.be.closeTo(1, 1e-6);
  });

  it("never makes gradients larger", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        fc.double({ min: 1e-9, max: 1e12, noNaN: true }),
        (norm, maximum) => {
          const factor = clipCoefficient(norm, maximum);
          expect(factor).to.be.within(0, 1);
          expect(factor * norm).to.be.at.most(maximum);
        },
      ),
      { seed: 122, numRuns: 300 },
    );
    expect(clipCoefficient(5, Number.POSITIVE_INFINITY)).to.equal(1);
  });

  it("refuses a largest norm that is not above 0, which would turn gradients around", () => {
    const parameter = new Parameter([2], (values) => values.fill(1));
    parameter.grad = Tensor.from([3, 4], [2]);
    for (const maximum of [0, -1, Number.NaN]) {
      expect(() => clipGradNorm([parameter], maximum)).to.throw(
        `clip: the largest norm must be above 0, not ${maximum}`,
      );
    }
    expect(parameter.grad.toArray()).to.deep.equal([3, 4]);
  });
});
