import { expect } from "chai";
import { MangoOperator } from "../../src/apollo/growth/mango-operator.ts";
import { type LayerMapName, layerMap } from "../../src/apollo/layer-map.ts";
import { straightPath } from "../../src/nn/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Parameter } from "../../src/tensor/tensor.ts";
import { expectCopies } from "../nn/growing-models.ts";
import { weightsOf } from "../nn/tiny-models.ts";
import {
  batchOf,
  expectGradients,
  expectLearns,
  FAMILIES,
  type Family,
  operatorBetween,
  type Sizes,
} from "./growth-operators.ts";

interface Options {
  rank?: number;
  depthMap?: LayerMapName;
}

const operatorOf = (family: Family, sizes: Sizes, { rank = 1, depthMap = "stack" }: Options = {}) =>
  operatorBetween(family, sizes, (models) => new MangoOperator({ ...models, rank, depthMap }));

/** Makes new index j of a core of rank 1 the sum of old ones, each by its factor. */
function setShares({ shape, numbers }: Parameter, index: number, shares: Record<number, number>): void {
  const [, from, to] = shape;
  for (let old = 0; old < from; old++) numbers[old * to + index] = shares[old] ?? 0;
}

describe("Mango's operator", () => {
  for (const family of FAMILIES) {
    it(`${family}: begins as the small model itself where nothing grows`, () => {
      const { small, large, operator } = operatorOf(family, { from: [3, 2], to: [3, 2] });
      operator.apply();
      expectCopies(small, large, [0, 1, 2]);
    });

    for (const depthMap of ["stack", "interp_floor"] as const) {
      it(`${family}: begins deeper by the ${depthMap} map`, () => {
        const { small, large, operator } = operatorOf(family, { from: [2, 2], to: [5, 2] }, { depthMap });
        operator.apply();
        expectCopies(small, large, layerMap(depthMap, 2, 5));
      });
    }

    it(`${family}: copies channels of every matrix, vector and table where outputs and inputs are told to`, () => {
      const { small, large, operator } = operatorOf(family, { from: [1, 2], to: [1, 3] });
      // Eight channels stay; 8 … 11 become copies of 4 … 7 as outputs, of 0 … 3 as inputs.
      for (let channel = 8; channel < 12; channel++) {
        setShares(operator.SO, channel, { [channel - 4]: 1 });
        setShares(operator.SI, channel, { [channel - 8]: 1 });
      }
      operator.apply();
      const [before, after] = [small, large].map((model) => model.stateDict());
      const outputs = [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7];
      const inputs = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3];
      /** The old index of each along an axis that holds chunks side by side. */
      const spread = (chunks: number, sources: readonly number[]) =>
        Array.from({ length: chunks }, (_, chunk) => sources.map((source) => 8 * chunk + source)).flat();
      const tokens = [...new Array(11).keys()];
      const axes: Record<string, number[][]> = {
        "tokenEmbedding.weight": [tokens, outputs],
        "blocks.0.attentionNorm.weight": [outputs],
        "blocks.0.attention.qkv.weight": [inputs, spread(3, outputs)],
        "blocks.0.attention.qkv.bias": [spread(3, outputs)],
        "blocks.0.attention.output.weight": [inputs, outputs],
        "blocks.0.feedForward.up.weight": [inputs, spread(4, outputs)],
        "blocks.0.feedForward.up.bias": [spread(4, outputs)],
        "blocks.0.feedForward.down.weight": [spread(4, inputs), outputs],
        "blocks.0.feedForward.down.bias": [outputs],
        [family === "gpt" ? "finalNorm.bias" : "head.norm.bias"]: [outputs],
        ...(family === "bert" && { "head.transform.weight": [inputs, outputs] }),
      };
      for (const [name, [rows, columns]] of Object.entries(axes)) {
        const { values: old, shape } = before.get(name)!;
        const expected = rows.flatMap((row) => columns?.map((column) => old[row * shape[1] + column]) ?? [old[row]]);
        expect(Array.from(after.get(name)!.values), name).to.deep.equal(expected);
      }
    });

    it(`${family}: makes a matrix of others, in any layer`, () => {
      const { small, large, operator } = operatorOf(family, { from: [2, 2], to: [2, 2] });
      // Queries become twice the keys minus the second chunk of the inner layer's inputs; layer 1 half of layer 0.
      setShares(operator.SB, 0, { 1: 2, 5: -1 });
      setShares(operator.SL, 1, { 0: 0.5 });
      operator.apply();
      const [before, after] = [weightsOf(small), weightsOf(large)];
      const [packed, up] = ["attention.qkv.weight", "feedForward.up.weight"];
      for (let layer = 0; layer < 2; layer++) {
        const [made, factor] = [after.get(`blocks.${layer}.${packed}`)!, [1, 0.5][layer]];
        for (let input = 0; input < 8; input++) {
          for (let output = 0; output < 8; output++) {
            const key = before.get(`blocks.0.${packed}`)![24 * input + 8 + output];
            const inner = before.get(`blocks.0.${up}`)![32 * input + 8 + output];
            expect(made[24 * input + output]).to.be.closeTo(factor * (2 * key - inner), 1e-6);
            expect(made[24 * input + 8 + output]).to.be.closeTo(factor * key, 1e-6);
          }
        }
      }
    });

    it(`${family}: begins wider with old channels as they are and new ones that are means of them`, () => {
      const { small, large, operator } = operatorOf(family, { from: [1, 2], to: [1, 3] });
      operator.apply();
      const [before, after] = [small, large].map((model) => model.stateDict().get("tokenEmbedding.weight")!.values);
      for (let token = 0; token < 11; token++) {
        const old = Array.from(before.subarray(8 * token, 8 * token + 8));
        const now = Array.from(after.subarray(12 * token, 12 * token + 12));
        expect(now.slice(0, 8)).to.deep.equal(old);
        for (const value of now.slice(8)) expect(value).to.be.within(Math.min(...old), Math.max(...old));
      }
      for (const core of [operator.SO, operator.SI]) {
        for (let channel = 0; channel < 12; channel++) {
          const shares = Array.from({ length: 8 }, (_, old) => core.numbers[12 * old + channel]);
          expect(shares.reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 1e-5);
        }
      }
    });

    for (const rank of [1, 2]) {
      it(`${family}, rank ${rank}: all four cores receive the gradients of the large model's loss`, () => {
        const { operator } = operatorOf(family, { from: [2, 2], to: [3, 3] }, { rank });
        expect([...operator.namedParameters().keys()]).to.have.members(["SB", "SO", "SL", "SI"]);
        expect(operator.SO.shape).to.deep.equal([rank, 8, 12, rank]);
        expectGradients(operator, family);
      });
    }

    it(`${family}: learns by the one training loop, and the large model's own weights wait for it`, () => {
      const { large, operator } = operatorOf(family, { from: [2, 2], to: [3, 3] });
      expectLearns(operator, large, family, 5e-3);
    });
  }

  it("begins, at rank 2, a little beside the small model, where every element of every core has a gradient", () => {
    const { small, large, operator } = operatorOf("gpt", { from: [2, 2], to: [2, 2] }, { rank: 2 });
    operator.apply();
    const [before, after] = [weightsOf(small), weightsOf(large)];
    for (const [name, values] of after) {
      if (!name.endsWith(".weight")) continue;
      const old = before.get(name)!;
      const moved = Math.hypot(...values.map((value, index) => value - old[index])) / Math.hypot(...old);
      expect(moved, name).to.be.within(1e-5, 0.1);
    }
    scope(() => operator.loss(batchOf("gpt", 0), { path: straightPath(operator.blocks) }).backward());
    for (const [name, { grad }] of operator.namedParameters()) expect(grad!.numbers.includes(0), name).to.equal(false);
  });

  it("refuses a small model that does not fit", () => {
    expect(() => operatorOf("gpt", { from: [3, 2], to: [2, 2] })).to.throw("layers 3 cannot become one with 2");
  });
});
