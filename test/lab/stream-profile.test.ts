import { expect } from "chai";
import fc from "fast-check";
import { profileStream } from "../../src/lab/stream-profile.ts";
import type { Task } from "../../src/lab/task.ts";
import { straightPath } from "../../src/nn/index.ts";
import { KINDS, type Kind, type Model, modelOf } from "../nn/growing-models.ts";
import { causalBatch, randomise } from "../nn/tiny-models.ts";

/** Of two batches of token ids. */
function profileOf(model: Model) {
  const validation = [0, 1].map((step) => () => ({ batch: null as never, ids: causalBatch(step).inputs }));
  return profileStream({ model, validation } as unknown as Task, straightPath(model.blocks));
}

const table = (model: Model, name: string) => model.namedParameters().get(name)!;
const rms = (values: readonly number[]) => Math.hypot(...values) / Math.sqrt(values.length);

/** What the lowest layer of GPT reads, one row per position of the batches. */
function embedded(model: Model): number[][] {
  const channels = model.size.hidden;
  const rowOf = (name: string, index: number) =>
    Array.from(table(model, name).numbers.subarray(index * channels, (index + 1) * channels));
  return [0, 1].flatMap((step) => {
    const { inputs } = causalBatch(step);
    const context = inputs.shape[1];
    return Array.from(inputs.toFlatArray(), (token, place) => {
      const position = rowOf("positionEmbedding.weight", place % context);
      return rowOf("tokenEmbedding.weight", token).map((value, channel) => value + position[channel]);
    });
  });
}

describe("the profile of the residual stream", () => {
  const layers = 3;
  const random = (kind: Kind, seed: number) => {
    const model = modelOf(kind, { layers, heads: 2 });
    randomise(model, seed);
    return model;
  };

  it("tells what parts add that are known: nothing, and a bias", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const model = random("gpt", seed);
        const fill = (name: string, value: number) => table(model, name).numbers.fill(value);
        for (let layer = 0; layer < layers; layer++) {
          fill(`blocks.${layer}.attention.output.weight`, 0);
          fill(`blocks.${layer}.attention.output.bias`, 0);
          fill(`blocks.${layer}.feedForward.down.weight`, 0);
        }
        const bias = table(model, "blocks.0.feedForward.down.bias").numbers;
        const stream = embedded(model);
        const [first] = profileOf(model);
        expect(first.attention).to.equal(0);
        expect(first.feedForward).to.be.closeTo(rms(Array.from(bias)) / rms(stream.flat()), 1e-4);
        const behind = stream.map((row) => row.map((value, channel) => value + bias[channel]));
        expect(first.size).to.be.closeTo(rms(behind.flat()), 1e-4);
      }),
      { seed: 1, numRuns: 10 },
    );
  });

  it("counts the directions that the stream varies in", () => {
    const model = random("gpt", 3);
    for (const [name, { numbers }] of model.namedParameters()) if (!name.endsWith("orm.weight")) numbers.fill(0);
    // Tokens along the first channel, positions along the second, and both far from the origin.
    const tokens = table(model, "tokenEmbedding.weight").numbers;
    for (let token = 0; token < 11; token++) tokens[8 * token] = 5 + token;
    const [alone] = profileOf(model);
    expect(alone.rank).to.be.closeTo(1, 1e-4);
    const positions = table(model, "positionEmbedding.weight").numbers;
    for (let position = 0; position < 6; position++) positions[8 * position + 1] = 7 + position;
    const rows = embedded(model);
    const covariance = (a: number, b: number) => {
      const [middleA, middleB] = [a, b].map(
        (channel) => rows.reduce((total, row) => total + row[channel], 0) / rows.length,
      );
      return rows.reduce((total, row) => total + (row[a] - middleA) * (row[b] - middleB), 0) / rows.length;
    };
    const [xx, yy, xy] = [covariance(0, 0), covariance(1, 1), covariance(0, 1)];
    for (const { rank } of profileOf(model)) {
      expect(rank).to.be.above(1.2);
      expect(rank).to.be.closeTo((xx + yy) ** 2 / (xx ** 2 + yy ** 2 + 2 * xy ** 2), 1e-4);
    }
  });

  for (const kind of KINDS) {
    it(`${kind}: leaves the weights as they are, and stays within what is possible`, () => {
      const model = random(kind, 5);
      const before = model.stateDict();
      const profiles = profileOf(model);
      expect(profiles).to.have.length(layers);
      for (const { attention, feedForward, size, rank } of profiles) {
        for (const value of [attention, feedForward, size]) expect(value).to.be.above(0);
        expect(rank).to.be.within(1, model.size.hidden);
      }
      expect(model.stateDict()).to.deep.equal(before);
      // Behind a norm with weight 1 and bias 0, numbers have size 1.
      if (kind !== "bert") return;
      for (const { feedForwardNorm } of model.blocks) {
        feedForwardNorm.weight.numbers.fill(1);
        feedForwardNorm.bias.numbers.fill(0);
      }
      for (const { size } of profileOf(model)) expect(size).to.be.closeTo(1, 1e-4);
    });
  }
});
