import { expect } from "chai";
import fc from "fast-check";
import { AdamW } from "../../src/optim/adamw.ts";
import { Sgd } from "../../src/optim/sgd.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Parameter } from "../../src/tensor/tensor.ts";
import { makeParameters, schedules, setGradient } from "./updates.ts";

const learningRateOf = (update: number) => 0.1 / (1 + update);

describe("Sgd", () => {
  const cases = [
    { kernels: "reference", dtype: "f64", tolerance: 1e-12 } as const,
    ...KERNEL_SETS.map((kernels) => ({ kernels, dtype: "f32", tolerance: 1e-5 }) as const),
  ];
  for (const { kernels, dtype, tolerance } of cases) {
    it(`is θ − Σ lr·Σ μ^(t−i)·gᵢ, each parameter by its own updates (${dtype}, ${kernels} kernels)`, () => {
      configureEngine({ kernels, threads: 1 });
      try {
        fc.assert(
          fc.property(
            fc.constantFrom(0, 0.5, 0.9),
            schedules,
            fc.nat(1e6),
            fc.constantFrom(1, 0.25),
            (momentum, schedule, seed, scale) => {
              scope(() => {
                const random = new Random(seed);
                const parameters = makeParameters(seed, dtype);
                const expected = parameters.map(({ numbers }) => Float64Array.from(numbers));
                const gradients = parameters.map((): number[][] => []);
                const optimizer = new Sgd(parameters, { momentum });
                schedule.forEach((present, update) => {
                  parameters.forEach((parameter, index) => {
                    parameter.zeroGrad();
                    if (!present[index]) return;
                    setGradient(parameter, random);
                    const past = gradients[index];
                    past.push(Array.from(parameter.grad!.numbers));
                    past.forEach((gradient, i) => {
                      const share = learningRateOf(update) * momentum ** (past.length - 1 - i) * scale;
                      gradient.forEach((value, element) => (expected[index][element] -= share * value));
                    });
                  });
                  optimizer.step({ learningRate: learningRateOf(update), gradientScale: scale });
                });
                parameters.forEach(({ numbers, name }, index) => {
                  const worst = Math.max(0, ...numbers.map((value, i) => Math.abs(value - expected[index][i])));
                  expect(worst, name).to.be.at.most(tolerance);
                  expect(optimizer.state.get(parameters[index])?.step ?? 0, name).to.equal(gradients[index].length);
                });
              });
            },
          ),
          { seed: 111, numRuns: 60 },
        );
      } finally {
        configureEngine();
      }
    });
  }

  it("leaves a parameter without gradient alone", () => {
    const [trained, idle] = [new Parameter([2, 2], (v) => v.fill(1)), new Parameter([2, 2], (v) => v.fill(1))];
    const optimizer = new Sgd([trained, idle], { momentum: 0.9 });
    setGradient(trained, new Random(1));
    optimizer.step({ learningRate: 0.1 });
    expect(idle.isMaterialised).to.equal(false);
    expect([...optimizer.state.keys()]).to.have.ordered.members([trained]);
    trained.zeroGrad();
    const values = trained.toArray();
    optimizer.step({ learningRate: 0.1 });
    expect(trained.toArray()).to.deep.equal(values);
    expect(optimizer.state.get(trained)!.step).to.equal(1);
  });

  it("updates a parameter once that is named twice", () => {
    const parameter = new Parameter([2], (values) => values.fill(1));
    setGradient(parameter, new Random(5));
    const expected = Array.from(parameter.grad!.numbers, (gradient) => Math.fround(1 - 0.5 * gradient));
    new Sgd([parameter, parameter]).step({ learningRate: 0.5 });
    expect(parameter.toArray()).to.deep.equal(expected);
  });

  it("refuses a momentum outside of [0, 1)", () => {
    for (const momentum of [-0.1, 1, Number.NaN])
      expect(() => new Sgd([], { momentum })).to.throw(`Sgd: momentum must be in [0, 1), not ${momentum}`);
  });

  it("refuses a learning rate that would spoil the weights, as AdamW does", () => {
    for (const learningRate of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      for (const optimizer of [new Sgd([]), new AdamW([])]) {
        expect(() => optimizer.step({ learningRate })).to.throw(`a finite number from 0, not ${learningRate}`);
      }
    }
  });
});
