import { expect } from "chai";
import { Linear, Module } from "../../src/nn/index.ts";
import { functionalCall } from "../../src/nn/module.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Parameter, Tensor } from "../../src/tensor/tensor.ts";
import { causalBatch, expectSameNumbers, expectSameWeights, randomise, tinyGpt, weightsOf } from "./tiny-models.ts";

/** One weight in three places: as the first layer's, as the last layer's, and in a list. */
class Tied extends Module {
  readonly label = "not a parameter";
  readonly first = new Linear({ inputs: 3, outputs: 3 });
  readonly layers = [new Linear({ inputs: 3, outputs: 2, bias: false }), new Linear({ inputs: 3, outputs: 3 })];
  readonly extras = [new Parameter([2], (values) => values.fill(5)), this.first.weight];

  constructor() {
    super();
    this.layers[1].weight = this.first.weight;
  }

  forward(x: Tensor): Tensor {
    return this.layers[1].forward(this.first.forward(x)).matmul(this.extras[1]);
  }
}

const NAMES = ["first.weight", "first.bias", "layers.0.weight", "layers.1.bias", "extras.0"];

describe("parameters of a module", () => {
  it("are found once each, by the path of the first field that holds them", () => {
    const model = new Tied();
    expect([...model.namedParameters().keys()]).to.deep.equal(NAMES);
    expect(new Set(model.parameters()).size).to.equal(NAMES.length);
    expect(model.parameters()).to.have.ordered.members([...model.namedParameters().values()]);
    expect(model.namedParameters().get("first.weight")).to.equal(model.layers[1].weight);
    expect(model.parameterCount()).to.equal(9 + 3 + 6 + 3 + 2);
  });

  it("receive one gradient for all their uses, which zeroGrad drops", () => {
    const model = new Tied();
    scope(() =>
      model
        .forward(Tensor.from([1, 2, 3], [1, 3]))
        .sum()
        .backward(),
    );
    const used = ["first.weight", "first.bias", "layers.1.bias"];
    for (const [name, { grad }] of model.namedParameters()) expect(grad !== null, name).to.equal(used.includes(name));
    model.zeroGrad();
    for (const [name, { grad }] of model.namedParameters()) expect(grad, name).to.equal(null);
  });

  it("are listed by summary with shape, count and total", () => {
    const lines = new Tied().summary().split("\n");
    expect(lines.map((line) => line.trim().split(/ {2,}/))).to.deep.equal([
      ["first.weight", "[3, 3]", "9"],
      ["first.bias", "[3]", "3"],
      ["layers.0.weight", "[3, 2]", "6"],
      ["layers.1.bias", "[3]", "3"],
      ["extras.0", "[2]", "2"],
      ["total", "23"],
    ]);
    expect(new Set(lines.map((line) => line.length)).size).to.equal(1);
  });

  it("are in training mode together, at every depth of the tree", () => {
    const model = tinyGpt({ layers: 2 });
    const states = () => [
      model.isTraining,
      model.dropout.isTraining,
      ...model.blocks.flatMap((block) => [
        block.isTraining,
        block.attention.dropout.isTraining,
        block.dropout.isTraining,
      ]),
    ];
    expect(new Set(states())).to.deep.equal(new Set([false]));
    expect(model.train()).to.equal(model);
    expect(new Set(states())).to.deep.equal(new Set([true]));
    expect(model.eval()).to.equal(model);
    expect(new Set(states())).to.deep.equal(new Set([false]));
  });
});

describe("state dicts", () => {
  it("carry a model's numbers into another, bitwise", () => {
    const [from, to] = [tinyGpt({ layers: 2 }), tinyGpt({ layers: 2, seed: 1 })];
    randomise(from, 3);
    randomise(to, 4);
    to.loadStateDict(from.stateDict());
    expectSameWeights(weightsOf(to), weightsOf(from));
    scope(() => {
      const logits = (model: typeof to) => model.forward(causalBatch(0).inputs).numbers;
      expectSameNumbers(logits(to), logits(from));
    });
  });

  it("are copies: what is done to them later reaches no model, and no model reaches them", () => {
    const model = tinyGpt({ layers: 1 });
    randomise(model, 3);
    const state = model.stateDict();
    const before = weightsOf(model);
    const bias = state.get("finalNorm.bias")!;
    bias.values.fill(7);
    expectSameWeights(weightsOf(model), before);
    model.finalNorm!.weight.numbers.fill(9);
    expectSameNumbers(state.get("finalNorm.weight")!.values, before.get("finalNorm.weight")!);
  });

  it("are complete although the model never ran", () => {
    const [from, to] = [tinyGpt({ layers: 2 }), tinyGpt({ layers: 2, seed: 1 })];
    expect([...from.stateDict().keys()]).to.deep.equal([...from.namedParameters().keys()]);
    to.loadStateDict(from.stateDict());
    expectSameWeights(weightsOf(to), weightsOf(from));
  });

  it("hold on request only what exists in memory, and leave the rest unmade", () => {
    const model = tinyGpt({ layers: 3 });
    expect(model.stateDict({ partial: true }).size).to.equal(0);
    randomise(model.blocks[1], 3);
    expect([...model.stateDict({ partial: true }).keys()]).to.deep.equal(
      [...model.namedParameters().keys()].filter((name) => name.startsWith("blocks.1.")),
    );
    const other = tinyGpt({ layers: 3 });
    other.loadStateDict(model.stateDict({ partial: true }), { partial: true });
    expectSameWeights(weightsOf(other), weightsOf(model));
  });

  it("load any list of numbers", () => {
    const model = new Tied();
    model.loadStateDict(new Map([["extras.0", { shape: [2], values: [1.5, -2] }]]), { partial: true });
    expect(model.extras[0].toArray()).to.deep.equal([1.5, -2]);
  });

  const refusals: { title: string; change: (state: ReturnType<Module["stateDict"]>) => void; message: string }[] = [
    {
      title: "an unknown name",
      change: (state) => state.set("layers.7.bias", { shape: [1], values: new Float32Array(1) }),
      message: 'loadStateDict: there is no parameter called "layers.7.bias"',
    },
    {
      title: "the second name of a tied parameter",
      change: (state) => state.set("layers.1.weight", state.get("first.weight")!),
      message: 'loadStateDict: there is no parameter called "layers.1.weight"',
    },
    {
      title: "a shape that differs",
      change: (state) => state.set("layers.0.weight", { shape: [2, 3], values: new Float32Array(6) }),
      message: 'loadStateDict: "layers.0.weight" has shape [2, 3], the model expects [3, 2]',
    },
    {
      title: "too few values for the shape",
      change: (state) => state.set("extras.0", { shape: [2], values: new Float32Array(1) }),
      message: 'loadStateDict: "extras.0" has 1 values, its shape [2] holds 2',
    },
    {
      title: "too many values for the shape",
      change: (state) => state.set("extras.0", { shape: [2], values: new Float32Array(3) }),
      message: 'loadStateDict: "extras.0" has 3 values, its shape [2] holds 2',
    },
    {
      title: "a missing name",
      change: (state) => state.delete("extras.0"),
      message: 'loadStateDict: "extras.0" is missing',
    },
  ];
  for (const { title, change, message } of refusals) {
    it(`refuse ${title} and write nothing`, () => {
      const model = new Tied();
      randomise(model, 1);
      const before = weightsOf(model);
      const state = model.stateDict();
      for (const { values } of state.values()) values.fill(9);
      change(state);
      expect(() => model.loadStateDict(state)).to.throw(message);
      expectSameWeights(weightsOf(model), before);
    });
  }
});

describe("functionalCall", () => {
  const x = () => Tensor.from([0.5, -1, 2], [1, 3]);

  it("runs on tensors that were computed, in every place of a tied one, and gradients flow through them", () => {
    const model = new Tied();
    randomise(model, 2);
    scope(() => {
      const source = Tensor.from([1, 2, 3, 4, 5, 6, 7, 8, 10], [3, 3]);
      source.requiresGrad = true;
      const computed = source.mul(0.5);
      const loss = functionalCall(model, new Map([["first.weight", computed]]), () => model.forward(x()).sum());
      loss.backward();

      const twin = new Tied();
      twin.loadStateDict(model.stateDict());
      twin.first.weight.numbers.set(computed.numbers);
      const expected = twin.forward(x()).sum();
      expected.backward();
      expect(loss.item()).to.equal(expected.item());
      expectSameNumbers(
        source.grad!.numbers,
        twin.first.weight.grad!.numbers.map((value) => value * 0.5),
      );
      expect(model.first.weight.grad).to.equal(null);
      expectSameNumbers(model.first.bias!.grad!.numbers, twin.first.bias!.grad!.numbers);
    });
  });

  it("puts everything back, also after a throw", () => {
    const model = new Tied();
    const names = [...model.namedParameters().keys()];
    const parameters = model.parameters();
    const places = () => [model.first.weight, model.layers[1].weight, model.extras[1]];
    const expectRestored = () => {
      expect([...model.namedParameters().keys()]).to.deep.equal(names);
      expect(model.parameters()).to.have.ordered.members(parameters);
      expect(places()).to.have.ordered.members([parameters[0], parameters[0], parameters[0]]);
    };
    const replacement: Tensor = Tensor.from(new Float32Array(9), [3, 3]);
    const replaced = new Map([["first.weight", replacement]]);
    const result = functionalCall(model, replaced, () => {
      expect(places() as Tensor[]).to.have.ordered.members([replacement, replacement, replacement]);
      return "result";
    });
    expect(result).to.equal("result");
    expectRestored();
    expect(() =>
      functionalCall(model, replaced, () => {
        throw new Error("in the middle");
      }),
    ).to.throw("in the middle");
    expectRestored();
  });

  it("refuses an asynchronous body", () => {
    const model = new Tied();
    const [name] = model.namedParameters().keys();
    const before = model.namedParameters().get(name);
    expect(() => functionalCall(model, new Map(), async () => 1)).to.throw(
      "functionalCall: the body must be synchronous",
    );
    expect(model.namedParameters().get(name)).to.equal(before);
  });

  it("refuses unknown names and other shapes before the body runs", () => {
    const model = new Tied();
    const refuse = (name: string, shape: number[]) => () =>
      functionalCall(model, new Map([[name, Tensor.from(new Float32Array(9), shape)]]), () =>
        expect.fail("the body ran"),
      );
    expect(refuse("second.weight", [3, 3])).to.throw('functionalCall: there is no parameter called "second.weight"');
    expect(refuse("first.weight", [9])).to.throw(
      'functionalCall: "first.weight" has shape [3, 3], its replacement [9]',
    );
  });
});
