import { expect } from "chai";
import { train } from "../../src/apollo/algorithm.ts";
import { LigoOperator } from "../../src/apollo/growth/ligo-operator.ts";
import { type LayerMapName, layerMap } from "../../src/apollo/layer-map.ts";
import type { SizedModel } from "../../src/apollo/layered-model.ts";
import { Bert, Gpt, straightPath } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Parameter } from "../../src/tensor/tensor.ts";
import { causalBatch, expectSameNumbers, maskedBatch, randomise, TINY_TOKENS, weightsOf } from "../nn/tiny-models.ts";

/** Parts in order: the norm and its bias, the three weights of the packed projection, then its three biases. */
const KEY_BIAS = "depths.6";

type Family = "gpt" | "bert";
const FAMILIES: Family[] = ["gpt", "bert"];

function modelOf(family: Family, layers: number, heads: number): Gpt | Bert {
  const options = { layers, heads, hidden: 4 * heads, context: 6, vocabulary: 11 };
  return family === "gpt" ? new Gpt(options) : new Bert(options);
}

function operatorOf(
  family: Family,
  sizes: { from: [number, number]; to: [number, number] },
  depthMap: LayerMapName = "stack",
) {
  const small = modelOf(family, ...sizes.from);
  randomise(small, 3);
  const large = modelOf(family, ...sizes.to);
  const operator = new LigoOperator({
    large: large as unknown as SizedModel,
    small: { size: small.size, weights: small.stateDict() },
    depthMap,
    seed: 5,
  });
  return { small, large, operator };
}

/** Makes every row a single 1. */
function setOneHot(coefficients: Parameter, sources: readonly number[]): void {
  coefficients.numbers.fill(0);
  sources.forEach((source, row) => {
    coefficients.numbers[row * coefficients.shape[1] + source] = 1;
  });
}

const batchOf = (family: Family, step: number) => (family === "gpt" ? causalBatch(step) : maskedBatch(step)) as never;

describe("LiGO's operator", () => {
  for (const family of FAMILIES) {
    for (const map of ["stack", "interp_floor"] as const) {
      it(`${family}: one-hot depth coefficients are the ${map} map`, () => {
        const { small, large, operator } = operatorOf(family, { from: [2, 2], to: [5, 2] });
        for (const coefficients of operator.depths) setOneHot(coefficients, layerMap(map, 2, 5));
        operator.apply();
        const [before, after] = [weightsOf(small), weightsOf(large)];
        layerMap(map, 2, 5).forEach((source, layer) => {
          for (const [name, values] of after) {
            if (!name.startsWith(`blocks.${layer}.`)) continue;
            expectSameNumbers(values, before.get(name.replace(`blocks.${layer}.`, `blocks.${source}.`))!, name);
          }
        });
        for (const [name, values] of after)
          if (!name.startsWith("blocks.")) expectSameNumbers(values, before.get(name)!, name);
      });
    }

    it(`${family}: one-hot width coefficients copy channels`, () => {
      const { small, large, operator } = operatorOf(family, { from: [1, 2], to: [1, 3] });
      for (const coefficients of operator.depths) setOneHot(coefficients, [0]);
      // Channels 8 … 11 become copies of 4 … 7 of the stream and of the values, of 0 … 3 of the queries.
      setOneHot(operator.stream!, [4, 5, 6, 7]);
      setOneHot(operator.widths[0].values!, [4, 5, 6, 7]);
      setOneHot(operator.widths[0].queries!, [0, 1, 2, 3]);
      operator.apply();
      const [before, after] = [small, large].map((model) => model.stateDict());
      const stream = [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7];
      const queries = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3];
      const table = (model: typeof before, name: string) => model.get(name)!.values;
      stream.forEach((source, channel) => {
        for (let token = 0; token < 11; token++) {
          const made = table(after, "tokenEmbedding.weight")[12 * token + channel];
          expect(made).to.equal(table(before, "tokenEmbedding.weight")[8 * token + source]);
        }
        // Output projections read by the values' copies and write by the stream's.
        for (let channelOut = 0; channelOut < 12; channelOut++) {
          const made = table(after, "blocks.0.attention.output.weight")[12 * channel + channelOut];
          expect(made).to.equal(table(before, "blocks.0.attention.output.weight")[8 * source + stream[channelOut]]);
          const query = table(after, "blocks.0.attention.qkv.weight")[36 * channel + channelOut];
          expect(query).to.equal(table(before, "blocks.0.attention.qkv.weight")[24 * source + queries[channelOut]]);
        }
      });
    });

    it(`${family}: begins with rows of sum 1 near the map, and keeps old channels as they are`, () => {
      const { small, large, operator } = operatorOf(family, { from: [2, 2], to: [4, 3] }, "interp_floor");
      for (const coefficients of operator.parameters()) {
        const [rows, columns] = coefficients.shape;
        for (let row = 0; row < rows; row++) {
          const values = Array.from(coefficients.numbers.subarray(row * columns, (row + 1) * columns));
          expect(values.reduce((sum, value) => sum + value, 0)).to.be.closeTo(1, 1e-5);
        }
      }
      for (const coefficients of operator.depths) {
        layerMap("interp_floor", 2, 4).forEach((source, row) => {
          expect(coefficients.numbers[2 * row + source]).to.be.greaterThan(0.96);
        });
      }
      operator.apply();
      const [before, after] = [small, large].map((model) => model.stateDict().get("tokenEmbedding.weight")!.values);
      for (let token = 0; token < 11; token++) {
        for (let channel = 0; channel < 8; channel++)
          expect(after[12 * token + channel]).to.equal(before[8 * token + channel]);
      }
    });

    it(`${family}: all coefficients receive the gradients of the large model's loss`, () => {
      const { operator } = operatorOf(family, { from: [2, 2], to: [3, 3] });
      const lossAt = () =>
        scope(() => operator.loss(batchOf(family, 0), { path: straightPath(operator.blocks) }).item());
      scope(() => operator.loss(batchOf(family, 0), { path: straightPath(operator.blocks) }).backward());
      for (const [name, parameter] of operator.namedParameters()) {
        const gradient = Float32Array.from(parameter.grad!.numbers);
        // Along its own gradient, by a step that f32 can tell.
        const norm = Math.hypot(...gradient);
        // A bias of all keys moves every score of a query alike: by softmax no loss depends on it.
        const isOfKeyBias = norm < 1e-6;
        expect(isOfKeyBias, `${name}: ${norm}`).to.equal(name === KEY_BIAS);
        if (isOfKeyBias) continue;
        const step = 0.01 / norm;
        const start = Float32Array.from(parameter.numbers);
        const moved = (sign: number) => {
          start.forEach((value, index) => {
            parameter.numbers[index] = value + sign * step * gradient[index];
          });
          return lossAt();
        };
        const slope = (moved(1) - moved(-1)) / (2 * step * norm);
        parameter.numbers.set(start);
        expect(slope / norm, name).to.be.closeTo(1, 0.05);
      }
    });

    it(`${family}: learns by the one training loop, and the large model's own weights wait for it`, () => {
      const { large, operator } = operatorOf(family, { from: [2, 2], to: [3, 3] });
      const before = weightsOf(large);
      const losses = [
        ...train({
          ...{ model: operator, method: scratch({}, { steps: 60, targetDepth: 3 }), learningRate: () => 5e-2 },
          ...{ optimizer: new AdamW(operator.parameters()), batchAt: () => batchOf(family, 0) },
          ...{ tokensPerBatch: TINY_TOKENS, seed: 1 },
        }),
      ].map(({ loss }) => loss);
      expect(losses.at(-1)).to.be.lessThan(losses[0] - 0.1);
      for (const [name, values] of weightsOf(large)) expectSameNumbers(values, before.get(name) ?? values, name);
      operator.apply();
      const whole = large as unknown as SizedModel;
      const loss = scope(() => whole.loss(batchOf(family, 0), { path: straightPath(whole.blocks) }).item());
      expect(loss).to.be.lessThan(losses.at(-1)! + 0.05);
    });
  }

  it("refuses a small model that does not fit", () => {
    expect(() => operatorOf("gpt", { from: [3, 2], to: [2, 2] })).to.throw("layers 3 cannot become one with 2");
  });
});
