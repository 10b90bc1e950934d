import { expect } from "chai";
import fc from "fast-check";
import { growByMap, OPTIMIZER_POLICIES } from "../../src/apollo/growth/grow-layers.ts";
import { type LayerMapName, layerMap } from "../../src/apollo/layer-map.ts";
import { sharedPath } from "../../src/apollo/shared-layers.ts";
import { planFromMap } from "../../src/apollo/step-plan.ts";
import { noGrad } from "../../src/autograd/index.ts";
import type { Bert, Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import { Sgd } from "../../src/optim/sgd.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { causalBatch, expectSameNumbers, maskedBatch, randomise, tinyBert, tinyGpt } from "../nn/tiny-models.ts";

type Family = "gpt" | "bert";

/** Stage lists in which every number divides the next (methods A.3.3). */
const DIVISIBLE = [
  [1, 3, 6, 12],
  [3, 6, 12],
  [2, 4, 12],
  [1, 2, 4, 8],
  [1, 5, 10],
];

function modelOf(family: Family, layers: number, seed: number): Gpt | Bert {
  const model = family === "gpt" ? tinyGpt({ layers }) : tinyBert({ layers });
  randomise(model, seed);
  return model.eval();
}

/** The logits of one batch when N unique layers stand at `depth` positions. */
function outputAt(model: Gpt | Bert, map: LayerMapName, N: number, depth: number, batch: number): ArrayLike<number> {
  return scope(() =>
    noGrad(() => {
      const path = sharedPath(model.blocks, planFromMap(layerMap(map, N, depth)));
      if (model.family === "gpt") return (model as Gpt).forward(causalBatch(batch).inputs, { path }).toFlatArray();
      const { inputs, positions } = maskedBatch(batch);
      return (model as Bert).forward(inputs, positions, { path }).toFlatArray();
    }),
  );
}

const noOptimizer = (): Optimizer => new AdamW([]);

/** Bits as text: equal texts are bitwise equal functions on the batch. */
const bitsOf = (values: ArrayLike<number>) => String(new Uint32Array(Float32Array.from(values).buffer));

describe("growth of weights", () => {
  for (const kernels of KERNEL_SETS) {
    it(`preserves the function bitwise at every depth from N′ on (${kernels} kernels)`, () => {
      configureEngine({ kernels, threads: 1 });
      try {
        fc.assert(
          fc.property(
            fc.constantFrom<Family>("gpt", "bert"),
            fc.constantFrom(...DIVISIBLE),
            fc.constantFrom<LayerMapName>("interp_floor", "interp_ceil", "stack"),
            fc.nat(1000),
            (family, stages, map, seed) => {
              const L = stages[stages.length - 1];
              const model = modelOf(family, L, seed);
              for (let stage = 1; stage < stages.length; stage++) {
                const [from, to] = [stages[stage - 1], stages[stage]];
                const depths = Array.from({ length: L - to + 1 }, (_, index) => to + index);
                const before = depths.map((depth) => outputAt(model, map, from, depth, seed));
                growByMap(
                  { blocks: model.blocks, optimizer: noOptimizer(), from, to },
                  layerMap(map, from, to),
                  "slot",
                );
                depths.forEach((depth, index) =>
                  expectSameNumbers(outputAt(model, map, to, depth, seed), before[index], `${from}→${to} at ${depth}`),
                );
              }
            },
          ),
          { seed: 21, numRuns: 12 },
        );
      } finally {
        configureEngine();
      }
    });
  }

  for (const family of ["gpt", "bert"] as const) {
    it(`${family}: interp_round 3→6 keeps depth 6 and changes depths 7 … 12`, () => {
      const model = modelOf(family, 12, 4);
      const depths = [6, 7, 8, 9, 10, 11, 12];
      const before = depths.map((depth) => bitsOf(outputAt(model, "interp_round", 3, depth, 1)));
      const call = { blocks: model.blocks, optimizer: noOptimizer(), from: 3, to: 6 };
      growByMap(call, layerMap("interp_round", 3, 6), "slot");
      const after = depths.map((depth) => bitsOf(outputAt(model, "interp_round", 6, depth, 1)));
      expect(depths.filter((_, index) => before[index] === after[index])).to.deep.equal([6]);
    });
  }

  it("reads all sources before it writes: slot i becomes old layer map[i], for any map", () => {
    const calls = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 4 }))
      .chain(([from, more]) =>
        fc.tuple(
          fc.constant(from),
          fc.array(fc.nat(from - 1), { minLength: from + more, maxLength: from + more }),
          fc.nat(1000),
        ),
      );
    fc.assert(
      fc.property(calls, ([from, map, seed]) => {
        const model = tinyGpt({ layers: map.length + 1 });
        for (const block of model.blocks.slice(0, from)) randomise(block, seed + model.blocks.indexOf(block));
        const old = model.blocks
          .slice(0, from)
          .map((block) => block.parameters().map((parameter) => parameter.toFlatArray()));
        const identities = model.parameters();
        growByMap({ blocks: model.blocks, optimizer: noOptimizer(), from, to: map.length }, map, "slot");
        map.forEach((source, slot) =>
          model.blocks[slot]
            .parameters()
            .forEach((parameter, index) => expectSameNumbers(parameter.numbers, old[source][index], `slot ${slot}`)),
        );
        expect(model.parameters()).to.deep.equal(identities);
        for (const parameter of model.blocks[map.length].parameters()) expect(parameter.isMaterialised).to.equal(false);
      }),
      { seed: 22, numRuns: 40 },
    );
  });

  it("says in one sentence what is wrong with a map", () => {
    const { blocks } = tinyGpt({ layers: 4 });
    const grow = (from: number, to: number, map: number[]) => () =>
      growByMap({ blocks, optimizer: noOptimizer(), from, to }, map, "slot");
    expect(grow(2, 4, [0, 1, 1])).to.throw("growth: a map of 3 layers cannot make 4");
    expect(grow(2, 4, [0, 1, 2, 1])).to.throw("growth: layer 2 is not one of 0 … 1");
    expect(grow(2, 3, [0, -1, 1])).to.throw("growth: layer -1 is not one of 0 … 1");
    expect(grow(4, 5, [0, 1, 2, 3, 3])).to.throw("growth: 5 layers were asked of a model that has 4");
    expect(blocks.flatMap((block) => block.parameters()).some((parameter) => parameter.isMaterialised)).to.equal(false);
  });
});

describe("growth of optimizer state", () => {
  const [FROM, TO, LAYERS] = [3, 6, 7];

  /** A model whose layers 0, 1, 2 and embeddings have had 5, 4, 3 and 5 updates with gradients of their own. */
  function trained(make: (parameters: ReturnType<Gpt["parameters"]>) => Optimizer) {
    const model = tinyGpt({ layers: LAYERS });
    const optimizer = make(model.parameters());
    const random = new Random(8);
    for (let update = 0; update < 5; update++) {
      const layers = model.blocks.slice(0, FROM - Math.max(0, update - 2));
      for (const parameter of [model.tokenEmbedding.weight, ...layers.flatMap((block) => block.parameters())]) {
        const values = Float32Array.from({ length: parameter.size }, () => random.normal());
        parameter.grad = Tensor.from(values, parameter.shape);
      }
      optimizer.step({ learningRate: 1e-3 });
      model.zeroGrad();
    }
    return { model, optimizer };
  }

  /** The state of layer i as plain arrays: a list over its parameters, null where there is none. */
  function layerState(model: Gpt, optimizer: Optimizer, layer: number) {
    return model.blocks[layer].parameters().map((parameter) => {
      const state = optimizer.state.get(parameter);
      if (state === undefined) return null;
      return {
        step: state.step,
        averages: Object.fromEntries(
          Object.entries(state.averages).map(([name, average]) => [name, Array.from(average.toFlatArray())]),
        ),
      };
    });
  }

  const adamw = (parameters: ReturnType<Gpt["parameters"]>) => new AdamW(parameters);
  const map = [0, 0, 1, 2, 2, 2];
  const COPIES = [2, 1, 3];

  for (const policy of OPTIMIZER_POLICIES) {
    it(`${policy}: moments and step counters of every slot`, () => {
      const { model, optimizer } = trained(adamw);
      const old = Array.from({ length: LAYERS }, (_, layer) => layerState(model, optimizer, layer));
      expect(old.map((layer) => layer[0]?.step)).to.deep.equal([5, 4, 3, ...new Array(LAYERS - FROM).fill(undefined)]);
      const embedding = optimizer.state.get(model.tokenEmbedding.weight)!;
      const embeddingMoments = Array.from(embedding.averages.m.numbers);

      growByMap({ blocks: model.blocks, optimizer, from: FROM, to: TO }, map, policy);

      for (let slot = 0; slot < LAYERS; slot++) {
        const expected = old[slot].map((own, index) => {
          if (slot >= TO || policy === "slot") return own;
          if (policy === "reset" || policy === "reset_all") return null;
          if (policy === "follow" && map.indexOf(map[slot]) < slot) return null;
          const source = old[map[slot]][index]!;
          const c = policy === "copy_scaled" ? COPIES[map[slot]] : 1;
          return {
            step: source.step,
            averages: {
              m: source.averages.m.map((value) => Math.fround(value / c)),
              v: source.averages.v.map((value) => Math.fround(value / (c * c))),
            },
          };
        });
        expect(layerState(model, optimizer, slot), `slot ${slot}`).to.deep.equal(expected);
      }
      if (policy === "reset_all") {
        expect(optimizer.state.size).to.equal(0);
        return;
      }
      expect(optimizer.state.get(model.tokenEmbedding.weight)).to.equal(embedding);
      expectSameNumbers(embedding.averages.m.numbers, embeddingMoments);
      expect(embedding.step).to.equal(5);
    });
  }

  it("copies are copies: an update of one slot leaves the moments of the others", () => {
    const { model, optimizer } = trained(adamw);
    growByMap({ blocks: model.blocks, optimizer, from: FROM, to: TO }, map, "copy");
    const others = [0, 2, 3, 4, 5].map((layer) => layerState(model, optimizer, layer));
    for (const parameter of model.blocks[1].parameters()) {
      parameter.grad = Tensor.from(new Float32Array(parameter.size).fill(1), parameter.shape);
    }
    optimizer.step({ learningRate: 1e-3 });
    expect([0, 2, 3, 4, 5].map((layer) => layerState(model, optimizer, layer))).to.deep.equal(others);
  });

  it("after reset and slot the next update of a new slot has a fresh bias correction", () => {
    for (const policy of ["slot", "reset"] as const) {
      const { model, optimizer } = trained(adamw);
      growByMap({ blocks: model.blocks, optimizer, from: FROM, to: TO }, map, policy);
      const { bias } = model.blocks[5].feedForward.up;
      const before = Array.from(bias!.numbers);
      bias!.grad = Tensor.from(new Float32Array(bias!.size).fill(0.25), bias!.shape);
      optimizer.step({ learningRate: 0.1 });
      // The first Adam update is lr·g/(|g| + ε): a whole learning rate, whatever the gradient's size.
      bias!.numbers.forEach((value, index) => expect(value).to.be.closeTo(before[index] - 0.1, 1e-6));
      expect(optimizer.state.get(bias!)!.step).to.equal(1);
    }
  });

  it("copy_scaled divides momentum, which is of the gradient's own size, by c alone", () => {
    const { model, optimizer } = trained((parameters) => new Sgd(parameters, { momentum: 0.9 }));
    const old = layerState(model, optimizer, 2)[0]!.averages.momentum;
    growByMap({ blocks: model.blocks, optimizer, from: FROM, to: TO }, map, "copy_scaled");
    expect(layerState(model, optimizer, 5)[0]!.averages.momentum).to.deep.equal(
      old.map((value) => Math.fround(value / 3)),
    );
  });
});
