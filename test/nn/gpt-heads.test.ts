import { expect } from "chai";
import fc from "fast-check";
import { Gpt, GptForSequenceClassification } from "../../src/nn/index.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose } from "./expect-close.ts";
import { arbitrarySequences, paddedBatch } from "./padded-batch.ts";
import { randomise } from "./tiny-models.ts";

const SIZE = { layers: 2, hidden: 8, heads: 2, context: 8, vocabulary: 11 };
const OUTPUTS = 3;

const made = (outputs = OUTPUTS) => {
  const model = new GptForSequenceClassification({ ...SIZE, outputs });
  randomise(model, 3);
  return model;
};

describe("a head of GPT", () => {
  it("reads the last token of a sequence, whatever it is padded with and whichever stand beside it", () => {
    const model = made();
    const gpt = new Gpt(SIZE);
    gpt.loadStateDict(model.encoder.stateDict());
    const weight = Array.from(model.score.weight.numbers);
    fc.assert(
      fc.property(arbitrarySequences, fc.nat(SIZE.vocabulary - 1), (all, padding) => {
        const batch = paddedBatch(all, SIZE.context);
        const { indices } = batch.inputs;
        for (const [place, shown] of batch.mask.numbers.entries()) if (shown === 0) indices[place] = padding;
        const outputs = Array.from(model.forward(batch).numbers);
        for (const [row, sequence] of all.entries()) {
          const hidden = gpt.hidden(Tensor.from(sequence, [1, sequence.length], "i32")).numbers;
          const last = Array.from(hidden).slice(-SIZE.hidden);
          const expected = Array.from({ length: OUTPUTS }, (_, output) =>
            last.reduce((sum, value, channel) => sum + value * weight[channel * OUTPUTS + output], 0),
          );
          expectClose(outputs.slice(row * OUTPUTS, (row + 1) * OUTPUTS), expected);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("learns alone where the GPT is frozen", () => {
    const model = made();
    const batch = { ...paddedBatch([[1, 2, 3], [4]]), targets: Tensor.from([0, 2], [2], "i32") };
    const withGradient = () => model.parameters().filter(({ grad }) => grad !== null);
    model.loss(batch).backward();
    expect(withGradient()).to.have.length(model.parameters().length);
    model.zeroGrad();
    model.encoderFrozen = true;
    model.loss(batch).backward();
    expect(withGradient()).to.deep.equal([model.score.weight]);
    expect(model.trainedParameters()).to.deep.equal([model.score.weight]);
  });

  it("measures classes by their cross-entropy, and scores by their squared error", () => {
    const batch = paddedBatch([
      [1, 2, 3],
      [4, 5],
    ]);
    const model = made();
    const outputs = Array.from(model.forward(batch).numbers);
    const rows = [outputs.slice(0, OUTPUTS), outputs.slice(OUTPUTS)];
    const crossEntropy = (row: number[], label: number) =>
      Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[label];
    const loss = model.loss({ ...batch, targets: Tensor.from([1, 2], [2], "i32") });
    expect(loss.item()).to.be.closeTo((crossEntropy(rows[0], 1) + crossEntropy(rows[1], 2)) / 2, 1e-5);
    const regressor = made(1);
    const [first, second] = regressor.forward(batch).numbers;
    const scoreLoss = regressor.loss({ ...batch, targets: Tensor.from([0.5, -2], [2]) });
    expect(scoreLoss.item()).to.be.closeTo(((first - 0.5) ** 2 + (second + 2) ** 2) / 2, 1e-5);
  });

  it("begins with a head of its seed, a matrix alone", () => {
    const model = new GptForSequenceClassification({ ...SIZE, outputs: 2, seed: 5 });
    const other = new GptForSequenceClassification({ ...SIZE, outputs: 2, seed: 6 });
    expect(model.score.stateDict()).to.not.deep.equal(other.score.stateDict());
    expect(model.outputs).to.equal(2);
    expect([...model.namedParameters().keys()].filter((name) => !name.startsWith("encoder."))).to.deep.equal([
      "score.weight",
    ]);
  });

  it("refuses sequences without a token, and padding before one", () => {
    const model = made();
    const inputs = Tensor.from([1, 2, 3, 4], [2, 2], "i32");
    for (const [mask, row] of [
      [[1, 1, 0, 0], 1],
      [[0, 1, 1, 1], 0],
    ] as const)
      expect(() => model.forward({ inputs, mask: Tensor.from([...mask], [2, 1, 1, 2]) })).to.throw(
        `GptForSequenceClassification: sequence ${row} of the batch does not begin with its tokens`,
      );
  });
});
