import { expect } from "chai";
import { LigoOperator } from "../../src/apollo/growth/ligo-operator.ts";
import { type LayerMapName, layerMap } from "../../src/apollo/layer-map.ts";
import type { Parameter } from "../../src/tensor/tensor.ts";
import { expectCopies } from "../nn/growing-models.ts";
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
      expectGradients(operator, family, KEY_BIAS);
    });

    it(`${family}: learns by the one training loop, and the large model's own weights wait for it`, () => {
      const { large, operator } = operatorOf(family, { from: [2, 2], to: [3, 3] });
      expectLearns(operator, large, family, 5e-2);
    });
  }

  it("refuses a small model that does not fit", () => {
    expect(() => operatorOf("gpt", { from: [3, 2], to: [2, 2] })).to.throw("layers 3 cannot become one with 2");
  });
});
