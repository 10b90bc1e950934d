import { expect } from "chai";
import { LigoOperator } from "../../src/apollo/growth/ligo-operator.ts";
import { type LayerMapName, layerMap } from "../../src/apollo/layer-map.ts";
import { ligo } from "../../src/recipes/ligo.ts";
import type { Parameter } from "../../src/tensor/tensor.ts";
import { begin, expectCopies, modelOf, smallOf } from "../nn/growing-models.ts";
import {
  expectGradients,
  expectLearns,
  FAMILIES,
  type Family,
  operatorBetween,
  type Sizes,
} from "./growth-operators.ts";

/**
 * Parts in order: the norm and its bias, the three weights of the packed projection, then its three biases. A bias of all keys
 * moves every score of a query alike: by softmax no loss depends on it.
 */
const KEY_BIAS = "depths.6";

const operatorOf = (family: Family, sizes: Sizes, depthMap: LayerMapName = "stack") =>
  operatorBetween(family, sizes, (models) => new LigoOperator({ ...models, depthMap }));

/** Makes every row a single 1. */
function setOneHot(coefficients: Parameter, sources: readonly number[]): void {
  coefficients.numbers.fill(0);
  sources.forEach((source, row) => {
    coefficients.numbers[row * coefficients.shape[1] + source] = 1;
  });
}

describe("LiGO's operator", () => {
  for (const family of FAMILIES) {
    for (const map of ["stack", "interp_floor"] as const) {
      it(`${family}: one-hot depth coefficients are the ${map} map`, () => {
        const { small, large, operator } = operatorOf(family, { from: [2, 2], to: [5, 2] });
        for (const coefficients of operator.depths) setOneHot(coefficients, layerMap(map, 2, 5));
        operator.apply();
        expectCopies(small, large, layerMap(map, 2, 5));
      });
    }

    it(`${family}: one-hot width coefficients copy channels, each axis by the matrix that it is tied to`, () => {
      const { small, large, operator } = operatorOf(family, { from: [1, 2], to: [2, 3] });
      for (const coefficients of operator.depths) setOneHot(coefficients, [0, 0]);
      // Channels 8 … 11 of the stream, of queries, keys and values, and 32 … 47 of the inner layer become copies of these.
      const stream = [4, 5, 6, 7];
      const own = [0, 1].map((layer) => ({
        queries: [0, 1, 2, 3].map((channel) => channel + layer),
        keys: [3, 2, 1, 0].map((channel) => channel + layer),
        values: [6, 4, 2, 0].map((channel) => channel + layer),
        inner: Array.from({ length: 16 }, (_, unit) => 2 * unit + layer),
      }));
      setOneHot(operator.stream!, stream);
      own.forEach((sources, layer) => {
        const widths = operator.widths[layer];
        for (const kind of ["queries", "keys", "values", "inner"] as const) setOneHot(widths[kind]!, sources[kind]);
      });
      operator.apply();
      const [before, after] = [small, large].map((model) => model.stateDict());
      const firstOf = (count: number) => [...new Array(count).keys()];
      const channels = [...firstOf(8), ...stream];
      const axes: Record<string, number[][]> = {
        "tokenEmbedding.weight": [firstOf(11), channels],
        "positionEmbedding.weight": [firstOf(6), channels],
        ...(family === "gpt" && { "finalNorm.weight": [channels], "finalNorm.bias": [channels] }),
        ...(family === "bert" && {
          "typeEmbedding.weight": [firstOf(2), channels],
          "embeddingNorm.weight": [channels],
          "embeddingNorm.bias": [channels],
          "head.transform.weight": [channels, channels],
          "head.transform.bias": [channels],
          "head.norm.weight": [channels],
          "head.norm.bias": [channels],
          "head.bias": [firstOf(11)],
        }),
      };
      own.forEach(({ queries, keys, values, inner }, layer) => {
        const packed = [queries, keys, values].flatMap((extra, third) =>
          [...firstOf(8), ...extra].map((source) => 8 * third + source),
        );
        const units = [...firstOf(32), ...inner];
        const ofBlock: Record<string, number[][]> = {
          "attentionNorm.weight": [channels],
          "attentionNorm.bias": [channels],
          "attention.qkv.weight": [channels, packed],
          "attention.qkv.bias": [packed],
          "attention.output.weight": [[...firstOf(8), ...values], channels],
          "attention.output.bias": [channels],
          "feedForwardNorm.weight": [channels],
          "feedForwardNorm.bias": [channels],
          "feedForward.up.weight": [channels, units],
          "feedForward.up.bias": [units],
          "feedForward.down.weight": [units, channels],
          "feedForward.down.bias": [channels],
        };
        for (const [name, sources] of Object.entries(ofBlock)) axes[`blocks.${layer}.${name}`] = sources;
      });
      expect([...after.keys()]).to.have.members(Object.keys(axes));
      for (const [name, [rows, columns]] of Object.entries(axes)) {
        const { values: old, shape } = before.get(name.replace("blocks.1", "blocks.0"))!;
        const expected = rows.flatMap((row) => columns?.map((column) => old[row * shape[1] + column]) ?? [old[row]]);
        expect(Array.from(after.get(name)!.values), name).to.deep.equal(expected);
      }
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
          // The other layer has some small share as well, from noise in [0, 0.03).
          expect(coefficients.numbers[2 * row + 1 - source]).to.be.within(1e-9, 0.03);
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
      expectGradients(operator, family, KEY_BIAS);
    });

    it(`${family}: learns by the one training loop, and the large model's own weights wait for it`, () => {
      const { large, operator } = operatorOf(family, { from: [2, 2], to: [3, 3] });
      expectLearns(operator, large, family, 5e-2);
    });
  }

  it("is trained for a hundred steps at 1e-3 with a weight decay of 0.1 where its recipe is not told otherwise", () => {
    const [small, large] = [2, 3].map((heads) => modelOf("gpt", { layers: 2, heads }));
    const { operator } = begin((call) => ligo({}, call), large, smallOf(small));
    expect(operator).to.include({ steps: 100, learningRate: 1e-3, weightDecay: 0.1 });
    const told = begin((call) => ligo({ operatorSteps: 7, operatorLearningRate: 0.5 }, call), large, smallOf(small));
    expect(told.operator).to.include({ steps: 7, learningRate: 0.5, weightDecay: 0.1 });
  });

  it("refuses a small model that does not fit", () => {
    expect(() => operatorOf("gpt", { from: [3, 2], to: [2, 2] })).to.throw("layers 3 cannot become one with 2");
  });
});
