import { expect } from "chai";
import fc from "fast-check";
import { train } from "../../src/apollo/algorithm.ts";
import { layerFlopsPerToken } from "../../src/apollo/cost.ts";
import type { DescribedMethod } from "../../src/apollo/method.ts";
import type { StepPlan } from "../../src/apollo/step-plan.ts";
import type { Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { learningRateSchedule } from "../../src/optim/learning-rate.ts";
import { albert } from "../../src/recipes/albert.ts";
import { gstack } from "../../src/recipes/gstack.ts";
import { layerDrop } from "../../src/recipes/layer-drop.ts";
import { midas } from "../../src/recipes/midas.ts";
import { mslt } from "../../src/recipes/mslt.ts";
import { oneLayer } from "../../src/recipes/one-layer.ts";
import { raptr } from "../../src/recipes/raptr.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { stackbert } from "../../src/recipes/stackbert.ts";
import { adaptiveSwe, swe } from "../../src/recipes/swe.ts";
import { Random } from "../../src/tensor/random.ts";
import { causalBatch, expectSameNumbers, TINY_TOKENS, tinyGpt } from "../nn/tiny-models.ts";

const CALL = { steps: 400, targetDepth: 12 };
const stagesOf = ({ stages }: DescribedMethod) => stages.map(({ uniqueLayers, endStep }) => [uniqueLayers, endStep]);
const weightsOf = ({ positions }: StepPlan) => positions.map(({ weight }) => weight);

function planAt(method: DescribedMethod, step: number, { seed = 1, targetDepth = CALL.targetDepth } = {}): StepPlan {
  const { uniqueLayers } = method.stages.find(({ endStep }) => step < endStep)!;
  const random = () => Random.stream(seed, `path ${step}`);
  return method.planStep({ step, uniqueLayers, targetDepth, uniform: random().uniform(), random });
}

/** Trains a tiny GPT up to a step, which runs no further. */
function trainUntil(model: Gpt, method: DescribedMethod, end: number): AdamW {
  const optimizer = new AdamW(model.parameters());
  const training = train({
    ...{ model, method, optimizer, learningRate: method.learningRate?.(1e-2) ?? (() => 1e-2) },
    ...{ batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1 },
  });
  for (const { step } of training) if (step + 1 === end) break;
  return optimizer;
}

const layerOf = (model: Gpt, layer: number) =>
  model.blocks[layer].parameters().flatMap((parameter) => Array.from(parameter.numbers));

describe("StackBERT", () => {
  it("trains 3, 6 and 12 layers for 12.5, 17.5 and 70 % of the steps, each once", () => {
    const method = stackbert({}, CALL);
    expect(stagesOf(method)).to.deep.equal([
      [3, 50],
      [6, 120],
      [12, 400],
    ]);
    expect(weightsOf(planAt(method, 49))).to.deep.equal([0, 1, 2]);
    expect(weightsOf(planAt(method, 399))).to.deep.equal([...new Array(12).keys()]);
  });

  it("doubles by stacking and starts the optimizer anew, the embeddings' state too", () => {
    const method = stackbert({ stages: [1, 2, 4] }, { steps: 40, targetDepth: 4 });
    const model = tinyGpt({ layers: 4 });
    trainUntil(model, method, 12);
    const [first, second] = [layerOf(model, 0), layerOf(model, 1)];
    const optimizer = new AdamW(model.parameters());
    method.grow({ blocks: model.blocks, optimizer, from: 2, to: 4 });
    expectSameNumbers(layerOf(model, 2), first);
    expectSameNumbers(layerOf(model, 3), second);
    const later = trainUntil(tinyGpt({ layers: 4 }), method, 15);
    // Three updates after the second growth, at step 12.
    for (const { step } of later.state.values()) expect(step).to.equal(3);
  });

  it("follows the published learning rates, of 8e-4, where asked to", () => {
    const rate = stackbert({ learningRate: "original" }, CALL).learningRate!(8e-4);
    // Ten of 50 steps warm up.
    for (const [update, value] of [
      [0, 0],
      [5, 4e-4],
      [10, 8e-4],
      [30, 6.75e-4],
      [50, 5.5e-4],
      [85, 4.25e-4],
      [120, 3e-4],
      [260, 1.5e-4],
      [399, 3e-4 / 280],
    ])
      expect(rate(update), `update ${update}`).to.be.closeTo(value, 1e-9);
    expect(stackbert({}, CALL).learningRate).to.equal(undefined);
    expect(() => stackbert({ learningRate: "original", stages: [6, 12], boundaries: [0.5] }, CALL)).to.throw(
      "3 phases",
    );
  });

  it("isolates the map where asked to interpolate", () => {
    const growth = { from: 3, to: 6 };
    expect(stackbert({}, CALL).growthMap(growth.from, growth.to)).to.deep.equal([0, 1, 2, 0, 1, 2]);
    expect(stackbert({ map: "interp_floor" }, CALL).growthMap(3, 6)).to.deep.equal([0, 0, 1, 1, 2, 2]);
  });
});

describe("G_stack", () => {
  it("stacks a quarter of the layers four times after a tenth of the run", () => {
    const method = gstack({}, CALL);
    expect(stagesOf(method)).to.deep.equal([
      [3, 40],
      [12, 400],
    ]);
    expect(method.growthMap(3, 12)).to.deep.equal([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  it("gives each phase a whole schedule, warm-up included", () => {
    const rate = gstack({}, CALL).learningRate!(1e-3);
    const small = learningRateSchedule({ kind: "cosine", peak: 1e-3, steps: 40 });
    const large = learningRateSchedule({ kind: "cosine", peak: 1e-3, steps: 360 });
    for (const update of [0, 1, 20, 39]) expect(rate(update)).to.equal(small(update));
    for (const update of [40, 41, 100, 399]) expect(rate(update)).to.equal(large(update - 40));
    expect(rate(40)).to.equal(0);
  });

  it("refuses a factor that does not divide the depth", () => {
    expect(() => gstack({ growthFactor: 5 }, CALL)).to.throw(
      "gstack: no whole number of layers, stacked 5 times, makes 12",
    );
    expect(() => gstack({ growthFactor: 1 }, CALL)).to.throw("gstack: layers are stacked two times or more, not 1");
  });
});

describe("MIDAS, GradStack and LIDAS", () => {
  const growth = (copied: "last" | "middle" | "centre", from: number) =>
    midas({ copied }, CALL).growthMap(from, from + 3);

  it("insert a copy of the middle block, the last one, or the middle layers", () => {
    expect(growth("middle", 3)).to.deep.equal([0, 1, 2, 0, 1, 2]);
    expect(growth("middle", 6)).to.deep.equal([0, 1, 2, 0, 1, 2, 3, 4, 5]);
    expect(growth("middle", 9)).to.deep.equal([0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8]);
    expect(growth("last", 9)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 6, 7, 8]);
    // Layers 1.5 … 4.5 of six are the middle: rounded down.
    expect(growth("centre", 6)).to.deep.equal([0, 1, 2, 3, 1, 2, 3, 4, 5]);
    expect(growth("centre", 9)).to.deep.equal([0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8]);
  });

  it("give stage i a time ∝ i^α", () => {
    expect(stagesOf(midas({}, CALL))).to.deep.equal([
      [3, 40],
      [6, 120],
      [9, 240],
      [12, 400],
    ]);
    expect(stagesOf(midas({ alpha: 0 }, CALL))).to.deep.equal([
      [3, 100],
      [6, 200],
      [9, 300],
      [12, 400],
    ]);
  });

  it("leave moments with the layers that move, and start copies without", () => {
    const method = midas({ blockLayers: 1 }, { steps: 100, targetDepth: 4 });
    const model = tinyGpt({ layers: 4 });
    // One layer for 10 steps, two for 20, three for 30; the first of two is copied at 30.
    const optimizer = trainUntil(model, method, 30);
    method.grow({ blocks: model.blocks, optimizer, from: 2, to: 3 });
    const steps = model.blocks.map((block) => optimizer.state.get(block.parameters()[0])?.step);
    expect(steps).to.deep.equal([30, undefined, 20, undefined]);
    expectSameNumbers(layerOf(model, 1), layerOf(model, 0));
  });

  it("evaluate at full depth as if the model were grown to it at once", () => {
    const method = midas({}, CALL);
    const grown = [3, 6, 9].reduce(
      (layers, from) => method.growthMap(from, from + 3)!.map((source) => layers[source]),
      [0, 1, 2],
    );
    expect(weightsOf(method.planFullDepth(3))).to.deep.equal(grown);
    expect(weightsOf(method.planFullDepth(12))).to.deep.equal([...new Array(12).keys()]);
  });

  it("refuse blocks that do not make the depth", () => {
    expect(() => midas({ blockLayers: 5 }, CALL)).to.throw("midas: blocks of 5 layers do not make 12");
  });
});

describe("MSLT", () => {
  it("puts copies of the top layers on top and trains them alone, then everything", () => {
    const method = mslt({}, CALL);
    expect(stagesOf(method)).to.deep.equal([
      [3, 40],
      [6, 80],
      [9, 120],
      [12, 400],
    ]);
    expect(method.growthMap(6, 9)).to.deep.equal([0, 1, 2, 3, 4, 5, 3, 4, 5]);
    expect(planAt(method, 39).trainable).to.equal("all");
    expect(planAt(method, 40)).to.deep.include({ trainable: [3, 4, 5], freezesEmbeddings: true });
    expect(planAt(method, 159)).to.deep.include({ trainable: [9, 10, 11], freezesEmbeddings: true });
    expect(planAt(method, 160)).to.deep.include({ trainable: "all" });
    expect(planAt(method, 160).freezesEmbeddings).to.equal(undefined);
    expect(() => mslt({ stageLength: 0.25 }, CALL)).to.throw("leave nothing for the whole model");
  });

  it("has stages as short as three steps", () => {
    const method = mslt({ blockLayers: 1, stageLength: 0.05 }, { steps: 60, targetDepth: 12 });
    expect(stagesOf(method).map(([, end]) => end)).to.deep.equal([3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 60]);
  });

  it("does not move a frozen layer or embedding by one bit, and computes no gradient below the new layers", () => {
    const call = { steps: 40, targetDepth: 4 };
    const method = mslt({}, call);
    const model = tinyGpt({ layers: 4 });
    const optimizer = new AdamW(model.parameters());
    const training = train({
      ...{ model, method, optimizer, learningRate: () => 1e-2 },
      ...{ batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1 },
    });
    let frozen: { layer: number[]; places: number[]; table: number[] } | null = null;
    const ends: number[][][] = [];
    for (const { step, layerFlops, trainedLayers } of training) {
      // The ends of the four stages' shares, when everything below the newest layer stands as it stood.
      if ([3, 7, 11, 15].includes(step)) {
        const layers = [0, 1, 2, 3].slice(0, ends.length + 1).map((layer) => layerOf(model, layer));
        ends.at(-1)?.forEach((before, layer) => {
          expectSameNumbers(layers[layer], before, `layer ${layer} until step ${step}`);
        });
        ends.push(layers);
        // Every layer has learned in the four steps of its own share alone, from no moments.
        layers.forEach((_, layer) => {
          for (const parameter of model.blocks[layer].parameters())
            expect(optimizer.state.get(parameter)!.step, `layer ${layer} until step ${step}`).to.equal(4);
        });
      }
      expect(trainedLayers).to.equal(step < 4 || step >= 16 ? undefined : 1);
      const now = () => ({
        layer: layerOf(model, 0),
        places: Array.from(model.positionEmbedding.weight.numbers),
        table: Array.from(model.tokenEmbedding.weight.numbers),
      });
      if (step === 3) frozen = now();
      if (step === 7) {
        expectSameNumbers(layerOf(model, 0), frozen!.layer);
        expectSameNumbers(now().places, frozen!.places);
        // As the head the token table learns.
        expect(now().table).to.not.deep.equal(frozen!.table);
        // Two layers forward, one backward: four of the six parts of a whole step through two.
        const perLayer = 3 * TINY_TOKENS * layerFlopsPerToken({ hidden: 8, context: 6 });
        expect(layerFlops).to.equal((4 / 6) * 2 * perLayer);
      }
      if (step === 20) expect(layerOf(model, 0)).to.not.deep.equal(frozen!.layer);
    }
  });
});

describe("SWE-F", () => {
  it("runs the full depth from one layer, then from all", () => {
    const method = swe({}, CALL);
    expect(stagesOf(method)).to.deep.equal([
      [1, 40],
      [12, 400],
    ]);
    for (const step of [0, 39, 40, 399]) expect(planAt(method, step).positions).to.have.length(12);
    expect(weightsOf(planAt(swe({ unitLayers: 3 }, CALL), 0))).to.deep.equal([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  it("moves a tied layer as layers move that are tied by the mean of their gradients", () => {
    const call = { steps: 8, targetDepth: 4 };
    /** Clipping is left out: the shared model's norm counts a tied layer once, that of four layers each. */
    const trainFour = (model: Gpt, method: DescribedMethod, optimizer: AdamW) => {
      const training = train({
        ...{ model, method, optimizer, learningRate: () => 1e-2, clipNorm: Number.MAX_VALUE },
        ...{ batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1 },
      });
      for (const { step } of training) if (step === 3) break;
    };
    const tied = tinyGpt({ layers: 4 });
    trainFour(tied, swe({ boundary: 0.5 }, call), new AdamW(tied.parameters()));

    // The same by hand: four equal layers of their own, each of which gets the mean of all their gradients.
    const apart = tinyGpt({ layers: 4 });
    const layers = apart.blocks.map((block) => block.parameters());
    for (const layer of layers) layer.forEach((parameter, index) => parameter.numbers.set(layers[0][index].numbers));
    class OfMeans extends AdamW {
      override step(options: Parameters<AdamW["step"]>[0]): void {
        layers[0].forEach((_, index) => {
          const gradients = layers.map((layer) => layer[index].grad!.numbers);
          const means = Array.from(gradients[0], (_, at) => gradients.reduce((sum, own) => sum + own[at], 0) / 4);
          for (const gradient of gradients) gradient.set(means);
        });
        super.step(options);
      }
    }
    trainFour(apart, scratch({}, call), new OfMeans(apart.parameters()));
    const byHand = layerOf(apart, 0);
    layerOf(tied, 0).forEach((value, index) => expect(value).to.be.closeTo(byHand[index], 2e-4));
    for (let layer = 1; layer < 4; layer++) expectSameNumbers(layerOf(apart, layer), byHand);
  });
});

describe("the optimizer's state after growth", () => {
  /** Step counts of the layers and of the token table, right after a model's only growth. */
  function stepsAfterGrowth(method: DescribedMethod) {
    const model = tinyGpt({ layers: 4 });
    const [{ uniqueLayers, endStep }] = method.stages;
    const optimizer = trainUntil(model, method, endStep);
    const sources = model.blocks.map((block) => optimizer.state.get(block.parameters()[0])?.averages.m.numbers.slice());
    method.grow({ blocks: model.blocks, optimizer, from: uniqueLayers, to: 4 });
    const stateOf = (layer: number) => optimizer.state.get(model.blocks[layer].parameters()[0]);
    return {
      layers: [0, 1, 2, 3].map((layer) => stateOf(layer)?.step),
      table: optimizer.state.get(model.tokenEmbedding.weight)?.step,
      first: sources[0]!,
      last: stateOf(3)?.averages.m.numbers,
    };
  }
  const call = { steps: 10, targetDepth: 4 };

  it("of SWE-F is inherited by all copies", () => {
    const { layers, table, first, last } = stepsAfterGrowth(swe({ boundary: 0.5 }, call));
    expect(layers).to.deep.equal([5, 5, 5, 5]);
    expect(table).to.equal(5);
    expectSameNumbers(Array.from(last!), Array.from(first));
  });

  it("of one-layer expansion stays with the slot", () => {
    const { layers, table } = stepsAfterGrowth(oneLayer({ boundary: 0.5 }, call));
    expect(layers).to.deep.equal([5, undefined, undefined, undefined]);
    expect(table).to.equal(5);
  });

  it("of G_stack is gone, that of the embeddings too", () => {
    const { layers, table } = stepsAfterGrowth(gstack({ boundary: 0.5 }, call));
    expect(layers).to.deep.equal([undefined, undefined, undefined, undefined]);
    expect(table).to.equal(undefined);
  });
});

describe("one-layer expansion", () => {
  it("grows once, late, under a learning rate that stands until the last tenth", () => {
    const method = oneLayer({}, CALL);
    expect(stagesOf(method)).to.deep.equal([
      [1, 320],
      [12, 400],
    ]);
    const rate = method.learningRate!(1e-3);
    for (const update of [8, 200, 319, 320, 360]) expect(rate(update), `update ${update}`).to.equal(1e-3);
    expect(rate(380)).to.be.closeTo(5e-4, 1e-9);
  });

  it("makes the new layers copies of the one, which until then stands for all, unless told otherwise", () => {
    const call = { steps: 8, targetDepth: 4 };
    const method = oneLayer({ boundary: 0.5 }, call);
    const model = tinyGpt({ layers: 4 });
    const optimizer = trainUntil(model, method, 4);
    const trained = layerOf(model, 0);
    method.grow({ blocks: model.blocks, optimizer, from: 1, to: 4 });
    for (const layer of [0, 1, 2, 3]) expectSameNumbers(layerOf(model, layer), trained, `layer ${layer}`);
    const twelve = oneLayer({}, CALL);
    expect(twelve.growthMap(1, 12)).to.deep.equal(new Array(12).fill(0));
    expect(weightsOf(twelve.planFullDepth(1))).to.deep.equal(new Array(12).fill(0));
  });

  it("from no layer trains embeddings and head alone, then layers as they were initialised", () => {
    const method = oneLayer({ layers: 0, boundary: 0.5 }, { steps: 8, targetDepth: 3 });
    expect(stagesOf(method)).to.deep.equal([
      [0, 4],
      [3, 8],
    ]);
    const model = tinyGpt({ layers: 3 });
    const initial = [0, 1, 2].map((layer) => layerOf(tinyGpt({ layers: 3 }), layer));
    const table = Array.from(model.tokenEmbedding.weight.numbers);
    const optimizer = trainUntil(model, method, 4);
    for (const layer of [0, 1, 2]) expectSameNumbers(layerOf(model, layer), initial[layer]);
    expect(Array.from(model.tokenEmbedding.weight.numbers)).to.not.deep.equal(table);
    expect(optimizer.state.has(model.blocks[0].parameters()[0])).to.equal(false);
    expect(method.planFullDepth(0).positions).to.deep.equal([]);
    trainUntil(model, method, 8);
    for (const layer of [0, 1, 2]) expect(layerOf(model, layer)).to.not.deep.equal(initial[layer]);
    expect(() => oneLayer({ layers: 0, newLayers: "copy" }, CALL)).to.throw("there is no layer to copy");
  });

  it("behind one layer may begin the others at random", () => {
    const method = oneLayer({ newLayers: "random", boundary: 0.5 }, { steps: 8, targetDepth: 3 });
    const model = tinyGpt({ layers: 3 });
    const initial = [1, 2].map((layer) => layerOf(tinyGpt({ layers: 3 }), layer));
    const optimizer = trainUntil(model, method, 4);
    method.grow({ blocks: model.blocks, optimizer, from: 1, to: 3 });
    for (const layer of [1, 2]) expectSameNumbers(layerOf(model, layer), initial[layer - 1]);
    expect(weightsOf(method.planFullDepth(1))).to.deep.equal([0]);
    expect(weightsOf(method.planFullDepth(3))).to.deep.equal([0, 1, 2]);
  });

  it("behind one layer with random ones, too, can begin the optimizer anew", () => {
    for (const [optimizerAtGrowth, layer, table] of [
      ["slot", 4, 4],
      ["reset", undefined, 4],
      ["reset_all", undefined, undefined],
    ] as const) {
      const method = oneLayer({ newLayers: "random", boundary: 0.5, optimizerAtGrowth }, { steps: 8, targetDepth: 3 });
      const model = tinyGpt({ layers: 3 });
      const optimizer = trainUntil(model, method, 4);
      method.grow({ blocks: model.blocks, optimizer, from: 1, to: 3 });
      expect(optimizer.state.get(model.blocks[0].parameters()[0])?.step, optimizerAtGrowth).to.equal(layer);
      expect(optimizer.state.get(model.tokenEmbedding.weight)?.step, optimizerAtGrowth).to.equal(table);
    }
  });
});

describe("RaPTr", () => {
  it("keeps the first and the last layer, and the others as often as the stage's length asks for", () => {
    const call = { steps: 4000, targetDepth: 12 };
    const method = raptr({}, call);
    expect(stagesOf(method)).to.deep.equal([
      [12, 1000],
      [12, 2000],
      [12, 3000],
      [12, 4000],
    ]);
    [6, 8, 10, 12].forEach((length, stage) => {
      const plans = Array.from({ length: 1000 }, (_, index) => planAt(method, 1000 * stage + index));
      const kept = new Array<number>(12).fill(0);
      for (const plan of plans) {
        const layers = weightsOf(plan);
        expect([layers[0], layers.at(-1)]).to.deep.equal([0, 11]);
        expect(layers).to.deep.equal([...layers].sort((a, b) => a - b));
        for (const layer of layers) kept[layer]++;
        for (const { weight, branchScale } of plan.positions)
          expect(branchScale).to.equal(weight === 0 || weight === 11 ? 1 : 10 / (length - 2));
      }
      const p = (length - 2) / 10;
      // Five standard errors of 1000 draws.
      for (const count of kept.slice(1, 11)) expect(count / 1000).to.be.closeTo(p, 5 * Math.sqrt((p * (1 - p)) / 1000));
    });
  });

  it("multiplies kept branches by 1/p, its root, or 1", () => {
    const factors = { inverse: 2.5, sqrt: Math.sqrt(2.5), none: 1 };
    for (const scale of ["inverse", "sqrt", "none"] as const) {
      const plans = Array.from({ length: 50 }, (_, step) => planAt(raptr({ lengths: [6, 12], scale }, CALL), step));
      const inner = plans.flatMap(({ positions }) => positions.filter(({ weight }) => weight > 0 && weight < 11));
      expect(inner.length).to.be.greaterThan(0);
      for (const { branchScale } of inner) expect(branchScale, scale).to.be.closeTo(factors[scale], 1e-12);
    }
  });

  it("says the expected depth of each stage, for plans", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 24 }), fc.double({ min: 0, max: 1, noNaN: true }), (L, share) => {
        const length = 2 + share * (L - 2);
        const method = raptr({ lengths: [length, L] }, { steps: 10, targetDepth: L });
        const depths = method.depths(method.stages[0]);
        expect(depths.reduce((sum, { probability }) => sum + probability, 0)).to.be.closeTo(1, 1e-9);
        expect(depths.reduce((sum, { depth, probability }) => sum + depth * probability, 0)).to.be.closeTo(
          length,
          1e-9,
        );
      }),
      { seed: 1 },
    );
  });

  it("draws the same path whenever a step is planned, and others at other steps and seeds", () => {
    const method = raptr({}, CALL);
    expect(planAt(method, 5)).to.deep.equal(planAt(method, 5));
    const paths = Array.from({ length: 20 }, (_, step) => String(weightsOf(planAt(method, step))));
    expect(new Set(paths).size).to.be.greaterThan(15);
    const others = Array.from({ length: 20 }, (_, step) => String(weightsOf(planAt(method, step, { seed: 2 }))));
    expect(others).to.not.deep.equal(paths);
  });

  it("trains a model whose skipped layers stay as they are", () => {
    const call = { steps: 6, targetDepth: 6 };
    const method = raptr({ lengths: [2, 6] }, call);
    const model = tinyGpt({ layers: 6 });
    const before = layerOf(model, 3);
    trainUntil(model, method, 3);
    expectSameNumbers(layerOf(model, 3), before);
    trainUntil(model, method, 6);
    expect(layerOf(model, 3)).to.not.deep.equal(before);
  });

  it("refuses lengths that no path has", () => {
    expect(() => raptr({ lengths: [1, 12] }, CALL)).to.throw("a path through 12 layers has 2 to 12 of them, not 1");
    expect(() => raptr({}, { steps: 10, targetDepth: 2 })).to.throw("a model of 2 layers");
  });

  it("refuses paths that become shorter, not such as stay as long", () => {
    expect(() => raptr({ lengths: [6, 12, 8] }, CALL)).to.throw(
      "raptr: paths must not become shorter from stage to stage, unlike 6 | 12 | 8",
    );
    expect(stagesOf(raptr({ lengths: [6, 6] }, CALL))).to.have.length(2);
    // Rounding gives the shortest model the same length twice.
    expect(stagesOf(raptr({}, { steps: 8, targetDepth: 3 }))).to.have.length(4);
  });
});

describe("progressive layer dropping", () => {
  const call = { steps: 2000, targetDepth: 12 };

  it("tosses its coins for every batch, also where several make an update", () => {
    const model = tinyGpt({ layers: 6 });
    const training = train({
      ...{ model, method: layerDrop({ limit: 0.1, decay: 1e9 }, { steps: 40, targetDepth: 6 }) },
      ...{ optimizer: new AdamW(model.parameters()), learningRate: () => 1e-3 },
      ...{ batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1, microBatches: 8 },
    });
    // In the first step every layer is kept.
    const [, { plans }] = [training.next().value!, training.next().value!];
    expect(new Set(plans.map((plan) => weightsOf(plan).join())).size).to.be.greaterThan(1);
  });

  it("keeps layer i with 1 − i(1 − θ)/L, θ falling from 1 to its limit, and divides by that", () => {
    const method = layerDrop({}, call);
    expect(planAt(method, 0).positions).to.deep.equal(
      [...new Array(12).keys()].map((weight) => ({ weight, branchScale: 1 })),
    );
    // After a hundredth of the run θ = 0.5·e⁻¹ + 0.5.
    const scales = Array.from({ length: 50 }, (_, seed) => planAt(method, 20, { seed }).positions).flat();
    const theta = 0.5 * Math.exp(-1) + 0.5;
    expect(scales.some(({ weight }) => weight === 11)).to.equal(true);
    for (const { weight, branchScale } of scales)
      expect(branchScale).to.be.closeTo(1 / (1 - (weight * (1 - theta)) / 12), 1e-9);
    // From a fifth of the run on θ = 0.5 to five digits.
    const plans = Array.from({ length: 1600 }, (_, index) => planAt(method, 400 + index));
    for (let layer = 0; layer < 12; layer++) {
      const p = 1 - (layer * 0.5) / 12;
      const uses = plans.flatMap(({ positions }) => positions.filter(({ weight }) => weight === layer));
      expect(uses.length / 1600).to.be.closeTo(p, 5 * Math.sqrt((p * (1 - p)) / 1600) + 1e-9);
      for (const { branchScale } of uses) expect(branchScale).to.be.closeTo(1 / p, 1e-6);
    }
  });

  it("has the expected depth L − (1 − θ)(L − 1)/2", () => {
    for (const limit of [0.3, 0.5, 1]) {
      const method = layerDrop({ limit, decay: 1e9 }, call);
      const expected = method
        .depths(method.stages[0])
        .reduce((sum, { depth, probability }) => sum + depth * probability, 0);
      // Only the first of the steps that are looked at has θ = 1.
      expect(expected).to.be.closeTo(0.99 * (12 - ((1 - limit) * 11) / 2) + 0.01 * 12, 1e-9);
    }
  });
});

describe("layers that a step skips", () => {
  for (const [name, method] of [
    ["RaPTr", raptr({ lengths: [2, 6] }, { steps: 6, targetDepth: 6 })],
    ["layer dropping", layerDrop({ limit: 0.2, decay: 1e9 }, { steps: 40, targetDepth: 6 })],
  ] as const) {
    it(`of ${name} have neither decay nor an update in it`, () => {
      const model = tinyGpt({ layers: 6 });
      const optimizer = new AdamW(model.parameters(), { weightDecay: 0.5 });
      const training = train({
        ...{ model, method, optimizer, learningRate: () => 1e-2 },
        ...{ batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1 },
      });
      const stateOf = (layer: number) => {
        const state = optimizer.state.get(model.blocks[layer].parameters()[0]);
        return { weights: layerOf(model, layer), step: state?.step, m: state && Array.from(state.averages.m.numbers) };
      };
      let before = model.blocks.map((_, layer) => stateOf(layer));
      let skipped = 0;
      for (const { plans } of training) {
        const ran = new Set(plans.flatMap(weightsOf));
        const after = model.blocks.map((_, layer) => stateOf(layer));
        after.forEach((state, layer) => {
          if (ran.has(layer)) return;
          expect(state).to.deep.equal(before[layer]);
          skipped++;
        });
        before = after;
      }
      expect(skipped).to.be.greaterThan(0);
    });
  }
});

describe("complaints about sizes", () => {
  const of = (L: number) => ({ steps: 400, targetDepth: L });
  for (const [complaint, make] of [
    ["stackbert: 10 layers do not make 4 equal parts; stages must be given", () => stackbert({}, of(10))],
    ["stackbert: boundaries 0.125, 0.3 are too close", () => stackbert({}, { steps: 3, targetDepth: 12 })],
    ["gstack: no whole number of layers, stacked 4 times, makes 10", () => gstack({}, of(10))],
    ["gstack: boundaries 0.1 are too close", () => gstack({}, { steps: 5, targetDepth: 12 })],
    ["midas: 10 layers do not make 4 equal parts; blockLayers must be given", () => midas({}, of(10))],
    ["gradstack: blocks of 5 layers do not make 12", () => midas({ copied: "last", blockLayers: 5 }, CALL)],
    ["lidas: 10 layers do not make 4 equal parts", () => midas({ copied: "centre" }, of(10))],
    ["lidas: boundaries 0.1, 0.3, 0.6 are too close", () => midas({ copied: "centre" }, { steps: 3, targetDepth: 12 })],
    ["mslt: 10 layers do not make 4 equal parts", () => mslt({}, of(10))],
    ["mslt: stages of 0.1 of 3 steps are too short", () => mslt({}, { steps: 3, targetDepth: 12 })],
    ["swe-f: a unit that is repeated in 12 layers has 1 to 11, not 12", () => swe({ unitLayers: 12 }, CALL)],
    ["swe-f: a unit is repeated in two layers or more, not in 1", () => swe({}, of(1))],
    ["swe-a: a unit is repeated in two layers or more, not in 1", () => adaptiveSwe({}, of(1))],
    ["swe-m: a unit that is repeated in 4 layers", () => adaptiveSwe({ untying: "split", unitLayers: 4 }, of(4))],
    ["albert: a unit is repeated in two layers or more, not in 1", () => albert({}, of(1))],
    ["one-layer: it expands to two layers or more, not to 1", () => oneLayer({}, of(1))],
    ["zero-layer: it expands to two layers or more, not to 1", () => oneLayer({ layers: 0 }, of(1))],
    ["zero-layer: boundaries 0.8 are too close", () => oneLayer({ layers: 0 }, { steps: 1, targetDepth: 2 })],
  ] as const) {
    it(`name the recipe: ${complaint}`, () => {
      expect(make).to.throw(new RegExp(`^${complaint.replaceAll(".", "\\.")}`));
    });
  }
});

describe("ALBERT's sharing", () => {
  it("uses one layer everywhere, to the end", () => {
    const method = albert({}, CALL);
    expect(stagesOf(method)).to.deep.equal([[1, 400]]);
    for (const step of [0, 399]) expect(weightsOf(planAt(method, step))).to.deep.equal(new Array(12).fill(0));
    expect(weightsOf(method.planFullDepth(1))).to.deep.equal(new Array(12).fill(0));
    expect(weightsOf(planAt(albert({ unitLayers: 2 }, CALL), 7))).to.deep.equal([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  });

  it("moves no other layer", () => {
    const model = tinyGpt({ layers: 4 });
    const untouched = layerOf(model, 1);
    trainUntil(model, albert({}, { steps: 4, targetDepth: 4 }), 4);
    expectSameNumbers(layerOf(model, 1), untouched);
    expect(() => albert({ unitLayers: 4 }, { steps: 4, targetDepth: 4 })).to.throw("has 1 to 3, not 4");
  });
});
