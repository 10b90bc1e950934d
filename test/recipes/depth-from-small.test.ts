import { expect } from "chai";
import fc from "fast-check";
import type { SizedModel } from "../../src/apollo/layered-model.ts";
import type { DescribedMethod } from "../../src/apollo/method.ts";
import { parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { Bert, Gpt } from "../../src/nn/index.ts";
import { depthUpScaling } from "../../src/recipes/depth-up-scaling.ts";
import { Random } from "../../src/tensor/random.ts";
import { expectSameNumbers, randomise, weightsOf } from "../nn/tiny-models.ts";

type Model = Gpt | Bert;

function modelOf(family: "gpt" | "bert", layers: number): Model {
  const options = { layers, hidden: 4, heads: 1, context: 6, vocabulary: 11 };
  return family === "gpt" ? new Gpt(options) : new Bert(options);
}

/** A small model with random weights, and what a method makes of it. */
function grown(method: DescribedMethod, family: "gpt" | "bert", from: number, to: number) {
  const small = modelOf(family, from);
  randomise(small, 3);
  const large = modelOf(family, to);
  const first = { size: small.size, weights: small.stateDict() };
  method.firstWeights!({ model: large as unknown as SizedModel, small: first, random: new Random(1) });
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
    grown(depthUpScaling({}, { steps: 10, targetDepth: to }), family, from, to);

  function expectLayers({ small, large }: { small: Model; large: Model }, sources: readonly number[]): void {
    const [before, after] = [weightsOf(small), weightsOf(large)];
    for (const [name, values] of after) {
      const source = name.replace(/^blocks\.(\d+)\./, (_, layer) => `blocks.${sources[Number(layer)]}.`);
      expectSameNumbers(values, before.get(source)!, name);
    }
  }

  for (const family of ["gpt", "bert"] as const) {
    it(`${family}: puts the lower layers below the upper ones, as published from 32 to 48, and copies all else`, () => {
      const range = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index);
      expectLayers(scaled(family, 32, 48), [...range(0, 24), ...range(8, 32)]);
      expectLayers(scaled(family, 8, 12), [0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7]);
      expectLayers(scaled(family, 3, 4), [0, 1, 1, 2]);
      expectLayers(scaled(family, 3, 6), [0, 1, 2, 0, 1, 2]);
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
