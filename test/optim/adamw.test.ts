import { expect } from "chai";
import fc from "fast-check";
import { AdamW } from "../../src/optim/adamw.ts";
import { forgetState } from "../../src/optim/optimizer.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Parameter, Tensor } from "../../src/tensor/tensor.ts";
import { expectClose } from "../nn/expect-close.ts";
import { makeParameters, schedules, setGradient } from "./updates.ts";

const rates = fc.record({
  beta1: fc.double({ min: 0, max: 0.99, noNaN: true }),
  beta2: fc.double({ min: 0, max: 0.9999, noNaN: true }),
  epsilon: fc.constantFrom(1e-8, 1e-3),
  weightDecay: fc.constantFrom(0, 0.01, 0.3),
});

/**
 * One element after all its updates, from the sums that the running averages stand for:
 * m = (1−β₁)Σ β₁^(t−i) gᵢ, v = (1−β₂)Σ β₂^(t−i) gᵢ², both over the updates in which there was a gradient.
 */
function elementByHand(
  start: number,
  updates: readonly { gradient: number; learningRate: number }[],
  { beta1, beta2, epsilon, decay }: { beta1: number; beta2: number; epsilon: number; decay: number },
): number {
  let value = start;
  updates.forEach(({ learningRate }, last) => {
    const t = last + 1;
    const average = (beta: number, of: (gradient: number) => number) =>
      updates.slice(0, t).reduce((sum, { gradient }, i) => sum + (1 - beta) * beta ** (t - 1 - i) * of(gradient), 0) /
      (1 - beta ** t);
    const m = average(beta1, (gradient) => gradient);
    const v = average(beta2, (gradient) => gradient ** 2);
    value -= learningRate * (m / (Math.sqrt(v) + epsilon) + decay * value);
  });
  return value;
}

const learningRateOf = (update: number) => 0.1 / (1 + update);

describe("AdamW", () => {
  const cases = [
    { kernels: "reference", dtype: "f64", tolerance: 1e-10 } as const,
    ...KERNEL_SETS.map((kernels) => ({ kernels, dtype: "f32", tolerance: 1e-4 }) as const),
  ];
  for (const { kernels, dtype, tolerance } of cases) {
    it(`is its closed form, each parameter by its own updates (${dtype}, ${kernels} kernels)`, () => {
      configureEngine({ kernels, threads: 1 });
      try {
        fc.assert(
          fc.property(rates, schedules, fc.nat(1e6), fc.constantFrom(1, 0.25), (options, schedule, seed, scale) => {
            scope(() => {
              const random = new Random(seed);
              const parameters = makeParameters(seed, dtype);
              const starts = parameters.map(({ numbers }) => Array.from(numbers));
              const histories = parameters.map((): { gradient: number[]; learningRate: number }[] => []);
              const optimizer = new AdamW(parameters, options);
              schedule.forEach((present, update) => {
                parameters.forEach((parameter, index) => {
                  parameter.zeroGrad();
                  if (!present[index]) return;
                  setGradient(parameter, random);
                  const gradient = Array.from(parameter.grad!.numbers, (value) => value * scale);
                  histories[index].push({ gradient, learningRate: learningRateOf(update) });
                });
                optimizer.step({ learningRate: learningRateOf(update), gradientScale: scale });
              });
              parameters.forEach(({ numbers, name, rank }, index) => {
                const expected = starts[index].map((start, element) =>
                  elementByHand(
                    start,
                    histories[index].map(({ gradient, learningRate }) => ({
                      gradient: gradient[element],
                      learningRate,
                    })),
                    { ...options, decay: rank > 1 ? options.weightDecay : 0 },
                  ),
                );
                const worst = Math.max(0, ...expected.map((value, element) => Math.abs(value - numbers[element])));
                expect(worst, name).to.be.at.most(tolerance);
                expect(optimizer.state.get(parameters[index])?.step ?? 0, name).to.equal(histories[index].length);
              });
            });
          }),
          { seed: 101, numRuns: 60 },
        );
      } finally {
        configureEngine();
      }
    });
  }

  it("has the defaults .9, .999, 1e-8 and .01", () => {
    const [parameters, twins] = [makeParameters(1, "f32"), makeParameters(1, "f32")];
    const byDefault = new AdamW(parameters);
    const explicit = new AdamW(twins, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 });
    for (let update = 0; update < 3; update++) {
      for (const list of [parameters, twins]) {
        const random = new Random(update);
        for (const parameter of list) setGradient(parameter, random, 1e-6);
      }
      byDefault.step({ learningRate: 0.1 });
      explicit.step({ learningRate: 0.1 });
    }
    expect(parameters.map((parameter) => parameter.toArray())).to.deep.equal(twins.map((twin) => twin.toArray()));
  });

  it("decays what has more than one axis, and neither biases nor LayerNorm parameters", () => {
    const parameters = makeParameters(2, "f32");
    const before = parameters.map((parameter) => Array.from(parameter.numbers));
    const optimizer = new AdamW(parameters, { weightDecay: 0.5 });
    for (const parameter of parameters) parameter.grad = Tensor.from(new Float32Array(parameter.size), parameter.shape);
    optimizer.step({ learningRate: 0.1 });
    // A gradient of 0 moves nothing, so that what moved was decayed: by 1 − 0.1·0.5.
    parameters.forEach(({ numbers, rank, name }, index) => {
      if (rank > 1)
        expectClose(
          numbers,
          before[index].map((value) => 0.95 * value),
          { tolerance: 1e-6, what: name },
        );
      else expect(Array.from(numbers), name).to.deep.equal(before[index]);
    });
  });

  it("leaves a parameter without gradient alone: no decay, no step, no state, no memory", () => {
    const [trained, idle] = [new Parameter([2, 2], (v) => v.fill(1)), new Parameter([2, 2], (v) => v.fill(1))];
    const optimizer = new AdamW([trained, idle], { weightDecay: 0.5 });
    const made = memory.liveBytes;
    optimizer.step({ learningRate: 0.1 });
    expect(memory.liveBytes).to.equal(made);
    setGradient(trained, new Random(1));
    optimizer.step({ learningRate: 0.1 });
    expect(idle.isMaterialised).to.equal(false);
    expect(optimizer.state.has(idle)).to.equal(false);
    expect([...optimizer.state.keys()]).to.have.ordered.members([trained]);

    trained.zeroGrad();
    const [values, state] = [trained.toArray(), optimizer.state.get(trained)!];
    const moments = [state.averages.m.toArray(), state.averages.v.toArray()];
    optimizer.step({ learningRate: 0.1 });
    expect(trained.toArray()).to.deep.equal(values);
    expect(state.step).to.equal(1);
    expect([state.averages.m.toArray(), state.averages.v.toArray()]).to.deep.equal(moments);
  });

  it("keeps its state beyond the scope of a step, and forgets it when told", () => {
    const parameter = new Parameter([4, 16], (values) => values.fill(1));
    const optimizer = new AdamW([parameter]);
    const update = () =>
      scope(() => {
        setGradient(parameter, new Random(3));
        optimizer.step({ learningRate: 0.1 });
        parameter.zeroGrad();
      });
    update();
    const { averages } = optimizer.state.get(parameter)!;
    update();
    expect(averages.m.isReleased || averages.v.isReleased).to.equal(false);
    const before = memory.liveBytes;
    forgetState(optimizer, parameter);
    expect(before - memory.liveBytes).to.equal(2 * 4 * 16 * 4);
    expect(optimizer.state.size).to.equal(0);
    forgetState(optimizer, parameter);

    parameter.numbers.fill(0);
    update();
    // A first update is lr·g/(|g| + ε) once more.
    for (const value of parameter.numbers) expect(Math.abs(value)).to.be.closeTo(0.1, 1e-5);
  });

  it("updates a parameter once that is named twice", () => {
    const make = () => new Parameter([2], (values) => values.fill(1));
    const [once, twice] = [make(), make()];
    for (const [parameter, list] of [[once, [once]] as const, [twice, [twice, twice]] as const]) {
      setGradient(parameter, new Random(5));
      const optimizer = new AdamW(list);
      optimizer.step({ learningRate: 0.1 });
      expect(optimizer.state.get(parameter)!.step).to.equal(1);
    }
    expect(twice.toArray()).to.deep.equal(once.toArray());
  });

  it("refuses rates out of range", () => {
    const make = (options: object) => () => new AdamW([], options);
    for (const value of [-0.1, 1, Number.NaN]) {
      expect(make({ beta1: value })).to.throw(`AdamW: beta1 must be in [0, 1), not ${value}`);
      expect(make({ beta2: value })).to.throw(`AdamW: beta2 must be in [0, 1), not ${value}`);
    }
    for (const value of [-1e-9, Number.NaN]) {
      expect(make({ epsilon: value })).to.throw(`AdamW: epsilon must be ≥ 0, not ${value}`);
      expect(make({ weightDecay: value })).to.throw(`AdamW: weightDecay must be ≥ 0, not ${value}`);
    }
  });

  it("decays what it is told to", () => {
    const [matrix, bias] = [new Parameter([1, 2], (values) => values.fill(1)), new Parameter([2], (v) => v.fill(1))];
    const optimizer = new AdamW([matrix, bias], { weightDecay: 0.5, decays: (parameter) => parameter === bias });
    for (const parameter of [matrix, bias]) parameter.grad = Tensor.from([0, 0], parameter.shape);
    optimizer.step({ learningRate: 0.1 });
    expect(Array.from(matrix.numbers)).to.deep.equal([1, 1]);
    expect(bias.numbers[0]).to.be.closeTo(0.95, 1e-7);
  });
});
