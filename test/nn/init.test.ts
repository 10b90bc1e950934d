import { expect } from "chai";
import fc from "fast-check";
import { Bert, constant, Gpt, initialize, Linear, Module, normal, uniformWithin } from "../../src/nn/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { type Initializer, Parameter, Tensor } from "../../src/tensor/tensor.ts";
import { causalBatch, expectSameNumbers, tinyBert, tinyGpt } from "./tiny-models.ts";

const SIZE = { hidden: 64, heads: 4, context: 64, vocabulary: 200 };
/** Five standard errors: a true value is missed once in two million draws, and the seeds are fixed. */
const ERRORS = 5;

/** Asserts mean 0 and the standard deviation of a sample of normal numbers. */
function expectNormal(values: ArrayLike<number>, deviation: number, what: string): void {
  const count = values.length;
  let [sum, squares] = [0, 0];
  for (let index = 0; index < count; index++) {
    sum += values[index];
    squares += values[index] ** 2;
  }
  const found = Math.sqrt(squares / count);
  expect(Math.abs(sum / count), `mean of ${what}`).to.be.at.most((ERRORS * deviation) / Math.sqrt(count));
  expect(Math.abs(found / deviation - 1), `deviation ${found} of ${what}`).to.be.at.most(ERRORS / Math.sqrt(2 * count));
}

const isResidualProjection = (name: string) => /\.(attention\.output|feedForward\.down)\.weight$/.test(name);

/** Every parameter's first values against the rule of its family. */
function expectBeginning(model: Gpt | Bert, name: string, parameter: Parameter): void {
  if (parameter.rank > 1) {
    const scaled = model.family === "gpt" && isResidualProjection(name);
    expectNormal(parameter.numbers, scaled ? 0.02 / Math.sqrt(2 * model.size.layers) : 0.02, name);
  } else {
    const expected = name.endsWith("orm.weight") ? 1 : 0;
    expect(
      parameter.numbers.every((value) => value === expected),
      `${name} is ${expected}`,
    ).to.equal(true);
  }
}

describe("initial values", () => {
  for (const family of ["gpt", "bert"] as const) {
    const make = (options: { layers: number; seed?: number }) =>
      family === "gpt" ? tinyGpt(options) : tinyBert(options);

    it(`${family}: depend on seed and name alone, not on the order of use`, () => {
      fc.assert(
        fc.property(fc.nat(1e6), fc.nat(1e6), (seed, orderSeed) => {
          const [model, other] = [make({ layers: 3, seed }), make({ layers: 3, seed })];
          const parameters = other.parameters();
          for (const index of new Random(orderSeed).permutation(parameters.length)) parameters[index].toFlatArray();
          const twins = other.namedParameters();
          for (const [name, { numbers }] of model.namedParameters())
            expectSameNumbers(numbers, twins.get(name)!.numbers, name);
        }),
        { seed: 61, numRuns: 10 },
      );
    });

    it(`${family}: differ between seeds and between names`, () => {
      const weights = [make({ layers: 2, seed: 1 }), make({ layers: 2, seed: 2 })].flatMap((model) =>
        model.parameters().filter(({ rank }) => rank > 1),
      );
      expect(new Set(weights.map(({ numbers }) => numbers[0])).size).to.equal(weights.length);
    });
  }

  it("of a layer are the same in a BERT of any depth", () => {
    const [shallow, deep] = [tinyBert({ layers: 2, seed: 5 }), tinyBert({ layers: 7, seed: 5 })];
    const twins = deep.namedParameters();
    for (const [name, { numbers }] of shallow.namedParameters())
      expectSameNumbers(numbers, twins.get(name)!.numbers, name);
  });

  it("of a layer are the same in a GPT of any depth, up to the scale of projections into the residual stream", () => {
    const [shallow, deep] = [tinyGpt({ layers: 2, seed: 5 }), tinyGpt({ layers: 8, seed: 5 })];
    const twins = deep.namedParameters();
    for (const [name, { numbers }] of shallow.namedParameters()) {
      const twin = twins.get(name)!.numbers;
      if (!isResidualProjection(name)) expectSameNumbers(numbers, twin, name);
      else numbers.forEach((value, index) => expect(value, name).to.be.closeTo(2 * twin[index], 1e-8));
    }
  });

  it("of a GPT are N(0, .02²), into the residual stream N(0, .02²/2L), biases 0 and LayerNorms 1", () => {
    const model = new Gpt({ ...SIZE, layers: 3, seed: 1 });
    for (const [name, parameter] of model.namedParameters()) expectBeginning(model, name, parameter);
  });

  it("of a BERT are N(0, .02²), biases 0 and LayerNorms 1", () => {
    const model = new Bert({ ...SIZE, layers: 3, seed: 1 });
    for (const [name, parameter] of model.namedParameters()) expectBeginning(model, name, parameter);
  });

  it("scale with the target depth where one layer serves all positions, and the others are never made", () => {
    const model = new Gpt({ ...SIZE, layers: 12, seed: 2 });
    const path = Array.from({ length: 12 }, () => ({ block: model.blocks[0], branchScale: 1 }));
    scope(() => model.forward(causalBatch(0).inputs, { path }));
    for (const [name, parameter] of model.namedParameters()) {
      const isLaterBlock = /^blocks\.([1-9]|1\d)\./.test(name);
      expect(parameter.isMaterialised, name).to.equal(!isLaterBlock);
      if (!isLaterBlock) expectBeginning(model, name, parameter);
    }
  });

  it("are named and seeded for any module by initialize", () => {
    class Pair extends Module {
      readonly left = new Linear({ inputs: 3, outputs: 2 });
      readonly right = new Linear({ inputs: 3, outputs: 2 });
    }
    const [one, two] = [new Pair(), new Pair()];
    for (const pair of [one, two]) initialize(pair, { seed: 9 });
    for (const [name, parameter] of one.namedParameters()) {
      expect(parameter.name).to.equal(name);
      expectSameNumbers(parameter.numbers, two.namedParameters().get(name)!.numbers, name);
    }
    expect(Array.from(one.left.weight.numbers)).to.not.deep.equal(Array.from(one.right.weight.numbers));
  });
});

describe("parameters that are filled from outside", () => {
  it("come into being without their initial values, and keep those that they have", () => {
    let initialised = 0;
    const count: Initializer = (values) => values.fill(++initialised);
    const filled = new Parameter([3], count);
    filled.numbersToFill.set([7, 8, 9]);
    expect([...filled.numbers]).to.deep.equal([7, 8, 9]);
    expect(initialised).to.equal(0);
    const old = new Parameter([3], count);
    expect([...old.numbers]).to.deep.equal([1, 1, 1]);
    expect([...old.numbersToFill]).to.deep.equal([1, 1, 1]);
    expect(initialised).to.equal(1);
  });
});

describe("initializers", () => {
  const drawn = (initializer: Initializer) => {
    const values = new Float64Array(20_000);
    initializer(values, new Random(4));
    return values;
  };

  it("normal: mean 0 and the deviation that was asked for", () => expectNormal(drawn(normal(3)), 3, "normal(3)"));

  it("constant: one number", () => expect(new Set(drawn(constant(-2)))).to.deep.equal(new Set([-2])));

  it("uniformWithin: inside the bounds, and of variance bound²/3", () => {
    const values = drawn(uniformWithin(0.5));
    expect(values.every((value) => value >= -0.5 && value < 0.5)).to.equal(true);
    const variance = values.reduce((total, value) => total + value * value, 0) / values.length;
    // The variance of x² is b⁴·(1/5 − 1/9).
    expect(Math.abs(variance - 0.25 / 3)).to.be.at.most(ERRORS * Math.sqrt((0.0625 * (4 / 45)) / values.length));
  });

  it("a linear layer begins uniform within ±1/√inputs, its bias 0", () => {
    const layer = new Linear({ inputs: 16, outputs: 500 });
    const { numbers } = layer.weight;
    expect(Math.max(...numbers)).to.be.within(0.24, 0.25);
    expect(Math.min(...numbers)).to.be.within(-0.25, -0.24);
    expect(layer.bias!.numbers.every((value) => value === 0)).to.equal(true);
    expect(new Linear({ inputs: 2, outputs: 2, bias: false }).bias).to.equal(undefined);
  });

  it("an initial value does not disturb what a user wrote before", () => {
    const parameter = new Parameter([2], constant(1));
    parameter.numbers.set([3, 4]);
    scope(() => parameter.add(Tensor.from([0, 0], [2])));
    expect(parameter.toArray()).to.deep.equal([3, 4]);
  });
});
