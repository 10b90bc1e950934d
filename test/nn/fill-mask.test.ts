import { expect } from "chai";
import fc from "fast-check";
import { noGrad } from "../../src/autograd/index.ts";
import { fillMask } from "../../src/nn/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomise, tinyBert } from "./tiny-models.ts";

const VOCABULARY = 11;
const CONTEXT = 6;

describe("fillMask", () => {
  it("gives the likeliest tokens of the softmax, in order, for each position", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(VOCABULARY - 1), { minLength: 1, maxLength: CONTEXT }),
        fc.array(fc.nat(CONTEXT - 1), { maxLength: 3 }),
        fc.integer({ min: 1, max: VOCABULARY + 2 }),
        fc.nat(),
        (ids, places, count, seed) => {
          const model = tinyBert({ layers: 2, dropout: 0.5 });
          randomise(model, seed);
          model.train();
          const positions = places.map((place) => place % ids.length);
          const path = [1, 0, 1].map((layer) => ({ block: model.blocks[layer], branchScale: 1 }));
          const masks = fillMask(model, ids, { positions, count, path });
          expect(model.isTraining).to.equal(true);
          expect(masks).to.have.length(positions.length);
          model.eval();
          masks.forEach((candidates, mask) => {
            const logits = scope(() =>
              noGrad(() => {
                const at = Tensor.from([positions[mask]], [1], "i32");
                return Array.from(model.forward(Tensor.from(ids, [1, ids.length], "i32"), at, { path }).numbers);
              }),
            );
            const weights = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
            const total = weights.reduce((a, b) => a + b);
            const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
            expect(candidates.map(({ token }) => token)).to.deep.equal(order.slice(0, count));
            for (const { token, probability } of candidates)
              expect(probability).to.be.closeTo(weights[token] / total, 1e-5);
          });
        },
      ),
      { seed: 1, numRuns: 60 },
    );
  });

  it("refuses positions outside, no count, and what is too long", () => {
    const model = tinyBert({ layers: 1 });
    const fill = (positions: number[], count: number, length = 4) =>
      fillMask(model, new Array(length).fill(1), { positions, count });
    for (const position of [-1, 4, 1.5])
      expect(() => fill([0, position], 1)).to.throw(`fillMask: position ${position} is outside the 4 tokens`);
    for (const count of [0, -1, 2.5])
      expect(() => fill([0], count)).to.throw(`fillMask: the count must be a whole number from 1, not ${count}`);
    expect(() => fill([0], 1, CONTEXT + 1)).to.throw("7 tokens do not fit a context of 6");
    expect(fill([], 3)).to.deep.equal([]);
  });
});
