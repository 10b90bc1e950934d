import { expect } from "chai";
import fc from "fast-check";
import { train } from "../../src/apollo/algorithm.ts";
import { predictedLayers } from "../../src/apollo/growth/predicted-layers.ts";
import type { DescribedMethod } from "../../src/apollo/method.ts";
import { parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { depthUpScaling } from "../../src/recipes/depth-up-scaling.ts";
import { type LesaOptions, lesa } from "../../src/recipes/lesa.ts";
import type { RecipeCall } from "../../src/recipes/recipe.ts";
import { Random } from "../../src/tensor/random.ts";
import { begin, expectCopies, type Kind, modelOf, smallOf } from "../nn/growing-models.ts";
import { causalBatch, expectSameNumbers, randomise, TINY_TOKENS, tinyGpt, weightsOf } from "../nn/tiny-models.ts";

/** A small model with random weights and one head, and what a recipe makes of it. */
function grown(recipe: (call: RecipeCall) => DescribedMethod, kind: Kind, from: number, to: number) {
  const small = modelOf(kind, { layers: from, heads: 1 });
  randomise(small, 3);
  const large = modelOf(kind, { layers: to, heads: 1 });
  begin(recipe, large, smallOf(small));
  return { small, large };
}

/** An experiment of 12 layers of 8 channels that begins from a small model. */
const experiment = (recipe: RecipeInput, layers = 12) =>
  parseExperiment({
    name: "deeper",
    model: { family: "gpt", layers, hidden: 8, heads: 2, context: 6, vocabulary: 300 },
    recipe,
    training: { steps: 10, batch: 1, learningRate: { peak: 1e-3 } },
  });

describe("depth up-scaling", () => {
  const scaled = (family: "gpt" | "bert", from: number, to: number) =>
    grown((call) => depthUpScaling({}, call), family, from, to);

  for (const family of ["gpt", "bert"] as const) {
    const copied = (from: number, to: number, sources: number[]) => {
      const { small, large } = scaled(family, from, to);
      expectCopies(small, large, sources);
    };
    it(`${family}: puts the lower layers below the upper ones, as published from 32 to 48, and copies all else`, () => {
      const range = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index);
      copied(32, 48, [...range(0, 24), ...range(8, 32)]);
      copied(8, 12, [0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7]);
      copied(3, 4, [0, 1, 1, 2]);
      copied(3, 6, [0, 1, 2, 0, 1, 2]);
    });
  }

  it("keeps the lowest and the topmost layer where they were", () => {
    const sizes = fc
      .integer({ min: 1, max: 6 })
      .chain((half) => fc.tuple(fc.integer({ min: half, max: 2 * half - 1 }), fc.constant(2 * half)));
    fc.assert(
      fc.property(sizes, ([from, to]) => {
        const { small, large } = scaled("gpt", from, to);
        const [before, after] = [weightsOf(small), weightsOf(large)];
        const name = "feedForward.up.weight";
        expectSameNumbers(after.get(`blocks.0.${name}`)!, before.get(`blocks.0.${name}`)!);
        expectSameNumbers(after.get(`blocks.${to - 1}.${name}`)!, before.get(`blocks.${from - 1}.${name}`)!);
      }),
      { seed: 1, numRuns: 20 },
    );
  });

  it("refuses sizes that do not fit, before a small model is trained and when one is there", () => {
    const recipe = (small: object) => ({ kind: "depth-up-scaling", small: { hidden: 8, heads: 2, ...small } }) as const;
    expect(experiment(recipe({ layers: 8 })).recipe.kind).to.equal("depth-up-scaling");
    expect(() => experiment(recipe({ layers: 8 }), 11)).to.throw("it makes an even number of layers, not 11");
    expect(() => experiment(recipe({}))).to.throw("12 layers are made from 6 to 11, not from 12");
    expect(() => experiment(recipe({ layers: 5 }))).to.throw("12 layers are made from 6 to 11, not from 5");
    expect(() => experiment(recipe({ layers: 8, hidden: 4, heads: 1 }))).to.throw("4 channels cannot become 8");
    expect(() => scaled("gpt", 4, 4)).to.throw("4 layers are made from 2 to 3, not from 4");
  });
});

describe("LESA", () => {
  const call = (targetDepth: number) => ({ steps: 10, targetDepth });
  const quick = { epochs: 1 };

  it("inserts layers into the topmost gaps, as published from 32 to 48, and trains these alone", () => {
    const trainedOf = (options: LesaOptions, targetDepth: number) => {
      const method = lesa(options, call(targetDepth));
      const random = () => new Random(1);
      return method.planStep({ step: 0, uniqueLayers: targetDepth, targetDepth, uniform: 0, random });
    };
    const { trainable, freezesEmbeddings, positions } = trainedOf({}, 48);
    expect(trainable).to.deep.equal(Array.from({ length: 16 }, (_, index) => 16 + 2 * index));
    expect(freezesEmbeddings).to.equal(true);
    expect(positions).to.have.length(48);
    expect(trainedOf({ inserted: 2 }, 5).trainable).to.deep.equal([1, 3]);
    expect(trainedOf({ inserted: 1 }, 5).trainable).to.deep.equal([3]);
    expect(trainedOf({ trained: "all" }, 48).trainable).to.equal("all");
    expect(trainedOf({ trained: "all" }, 48).freezesEmbeddings).to.equal(undefined);
  });

  for (const family of ["gpt", "bert"] as const) {
    it(`${family}: copies old layers and all else bit by bit, and gives new layers the mean of their neighbours' vectors`, () => {
      // Old layers 0, 1, 2, 3 stand at 0, 1, 3, 5.
      const { small, large } = grown((call) => lesa({ inserted: 2, ...quick }, call), family, 4, 6);
      const [before, after] = [weightsOf(small), weightsOf(large)];
      const places = [0, 1, null, 2, null, 3];
      for (const [name, values] of after) {
        const [, layer, own] = /^blocks\.(\d+)\.(.+)$/.exec(name) ?? [];
        const source = layer === undefined ? undefined : places[Number(layer)];
        if (source !== null) {
          const from = source === undefined ? name : `blocks.${source}.${own}`;
          expectSameNumbers(values, before.get(from)!, name);
          continue;
        }
        const [below, above] = [-1, 1].map((side) => before.get(`blocks.${places[Number(layer) + side]}.${own}`)!);
        const means = below.map((value, index) => Math.fround(0.5 * Math.fround(value + above[index])));
        const isVector = large.namedParameters().get(name)!.rank === 1;
        if (isVector) expectSameNumbers(values, means, name);
        else expect(values, name).to.not.deep.equal(means);
      }
    });
  }

  it("predicts a layer that is like all others, in every matrix", () => {
    const small = modelOf("gpt", { layers: 3, heads: 1 });
    randomise(small, 3);
    const [first, ...others] = small.blocks.map((block) => block.parameters());
    for (const other of others) other.forEach((parameter, index) => parameter.numbers.set(first[index].numbers));
    const training = { epochs: 60, normWeight: 5e-5, random: new Random(1) };
    const start = { size: small.size, weights: small.stateDict() };
    const made = predictedLayers({ small: start, layers: [0, null, 1, 2], training });
    for (const [name, { shape, values }] of small.blocks[0].stateDict()) {
      if (shape.length === 1) continue;
      const between = made.get(`blocks.1.${name}`)!;
      expect(between.shape).to.deep.equal(shape);
      const error = Math.hypot(...values.map((value, index) => value - between.values[index])) / Math.hypot(...values);
      expect(error, name).to.be.lessThan(0.1);
    }
  });

  it("predicts a layer from its own two neighbours, in every matrix", () => {
    const small = modelOf("gpt", { layers: 6, heads: 2 });
    const [P, Q] = [3, 4].map((seed) => {
      const layer = modelOf("gpt", { layers: 1, heads: 2 }).blocks[0];
      randomise(layer, seed);
      return layer.parameters().map(({ numbers }) => Array.from(numbers));
    });
    // Layers that turn by π/3 each: every one is the sum of its neighbours.
    small.blocks.forEach((block, layer) => {
      const [cos, sin] = [Math.cos, Math.sin].map((f) => f((Math.PI / 3) * layer));
      block.parameters().forEach(({ numbers }, index) => {
        numbers.set(P[index].map((value, at) => cos * value + sin * Q[index][at]));
      });
    });
    const training = { epochs: 40, normWeight: 5e-5, random: new Random(1) };
    const made = predictedLayers({ small: smallOf(small), layers: [0, 1, null, 2, 3, null, 4, 5], training });
    const cosine = (a: number[], b: number[]) =>
      a.reduce((sum, value, index) => sum + value * b[index], 0) / (Math.hypot(...a) * Math.hypot(...b));
    const before = weightsOf(small);
    for (const [name, { shape }] of small.blocks[0].stateDict()) {
      if (shape.length === 1) continue;
      const old = small.blocks.map((_, layer) => before.get(`blocks.${layer}.${name}`)!);
      for (const [slot, below] of [
        [2, 1],
        [5, 3],
      ]) {
        const predicted = Array.from(made.get(`blocks.${slot}.${name}`)!.values);
        const between = old[below].map((value, index) => value + old[below + 1][index]);
        // Nearer in direction to the middle of its gap than to any old layer.
        const nearest = Math.max(...old.map((values) => cosine(predicted, values)));
        expect(cosine(predicted, between), `${name} of layer ${slot}`).to.be.greaterThan(nearest);
      }
    }
  });

  for (const trained of ["new", "all"] as const) {
    it(`trains ${trained === "new" ? "new layers, last norm and head, and moves nothing else by one bit" : "everything where asked to"}`, () => {
      const small = tinyGpt({ layers: 3 });
      randomise(small, 3);
      const model = tinyGpt({ layers: 5 });
      const { method } = begin((call) => lesa({ inserted: 2, trained, ...quick }, call), model, smallOf(small), {
        steps: 4,
      });
      const before = weightsOf(model);
      const training = train({
        ...{ model, method, optimizer: new AdamW(model.parameters()), learningRate: () => 1e-2 },
        ...{ batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1 },
      });
      for (const { trainedLayers } of training) expect(trainedLayers).to.equal(trained === "new" ? 2 : undefined);
      for (const [name, values] of weightsOf(model)) {
        if (trained === "new" && /^(blocks\.[024]|positionEmbedding)\./.test(name))
          expectSameNumbers(values, before.get(name)!, name);
        else expect(values, name).to.not.deep.equal(before.get(name));
      }
    });
  }

  it("refuses sizes that do not fit, before a small model is trained and when one is there", () => {
    const recipe = (inserted: number | undefined, small: object) =>
      ({ kind: "lesa", inserted, small: { hidden: 8, heads: 2, ...small } }) as const;
    expect(experiment(recipe(undefined, { layers: 8 })).recipe.kind).to.equal("lesa");
    expect(experiment(recipe(5, { layers: 6 }), 11).recipe.kind).to.equal("lesa");
    expect(() => experiment(recipe(undefined, {}))).to.throw("12 layers and 4 inserted ones do not make 12");
    expect(() => experiment(recipe(6, { layers: 6 }))).to.throw("6 layers have 5 gaps, in which 6 layers cannot");
    expect(() => experiment(recipe(undefined, { layers: 6 }), 10)).to.throw(
      "lesa: 10 layers do not make 3 equal parts; inserted must be given",
    );
    expect(() => experiment(recipe(1, { layers: 2 }), 3)).to.throw(
      "lesa: 1 of 3 layers cannot be inserted; it learns from three old ones or more",
    );
    expect(() => experiment(recipe(50, { layers: 8 }))).to.throw("lesa: 50 of 12 layers cannot be inserted");
    expect(() => experiment(recipe(4, { layers: 8, hidden: 4, heads: 1 }))).to.throw("4 channels cannot become 8");
    expect(() => grown((call) => lesa({ inserted: 2 }, call), "gpt", 3, 6)).to.throw(
      "3 layers and 2 inserted ones do not make 6",
    );
  });
});
