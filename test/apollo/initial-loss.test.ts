import { expect } from "chai";
import { noGrad } from "../../src/autograd/index.ts";
import { Bert, Gpt, type LayerUse } from "../../src/nn/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** The conditions under which methods A.11 predicts the first loss. */
const TARGETS = 4096;
const TOLERANCE = 0.05;

/** Logits have variance h·σ² after a LayerNorm and a tied N(0, σ²) head; the mean of exp(logit) is then exp(h·σ²/2). */
const predicted = (hidden: number, vocabulary: number) => Math.log(vocabulary) + (hidden * 0.02 ** 2) / 2;

const SIZES = [
  { hidden: 64, vocabulary: 2048 },
  { hidden: 128, vocabulary: 2048 },
  { hidden: 128, vocabulary: 4096 },
];

function data(vocabulary: number, context: number) {
  const random = new Random(51);
  const draw = () => Int32Array.from({ length: TARGETS }, () => random.integer(vocabulary));
  const [inputs, targets] = [draw(), draw()];
  // Next-token data: what is predicted at a position is the input of the following one.
  for (let index = 0; index + 1 < TARGETS; index++) if ((index + 1) % context !== 0) targets[index] = inputs[index + 1];
  return { inputs, targets };
}

describe("the loss before training", () => {
  for (const { hidden, vocabulary } of SIZES) {
    for (const uniqueLayers of [1, 4]) {
      const title = `h = ${hidden}, V = ${vocabulary}, N = ${uniqueLayers}`;
      const size = { layers: 4, hidden, heads: 4, context: 32, vocabulary };
      const pathOver = (blocks: readonly LayerUse["block"][]) =>
        blocks.map((_, index) => ({ block: blocks[index % uniqueLayers], branchScale: 1 }));

      it(`GPT is near ln V + h·.02²/2: ${title}`, () => {
        const model = new Gpt({ ...size, seed: 1 });
        const { inputs, targets } = data(vocabulary, size.context);
        let loss = 0;
        for (let start = 0; start < TARGETS; start += 1024) {
          loss += scope(() =>
            noGrad(() => {
              const part = (values: Int32Array) => Tensor.from(values.slice(start, start + 1024), [32, 32], "i32");
              return model
                .loss({ inputs: part(inputs), targets: part(targets) }, { path: pathOver(model.blocks) })
                .item();
            }),
          );
        }
        expect(loss / 4).to.be.closeTo(predicted(hidden, vocabulary), TOLERANCE);
      });

      it(`BERT is near ln V + h·.02²/2: ${title}`, () => {
        const model = new Bert({ ...size, seed: 1 });
        const { inputs, targets } = data(vocabulary, size.context);
        let loss = 0;
        for (let start = 0; start < TARGETS; start += 1024) {
          loss += scope(() =>
            noGrad(() => {
              // Every position is predicted, and none shows what stood there.
              const batch = {
                inputs: Tensor.from(inputs.slice(start, start + 1024), [32, 32], "i32"),
                positions: Tensor.from(
                  Int32Array.from({ length: 1024 }, (_, index) => index),
                  [1024],
                  "i32",
                ),
                targets: Tensor.from(targets.slice(start, start + 1024), [1024], "i32"),
              };
              return model.loss(batch, { path: pathOver(model.blocks) }).item();
            }),
          );
        }
        expect(loss / 4).to.be.closeTo(predicted(hidden, vocabulary), TOLERANCE);
      });
    }
  }
});
