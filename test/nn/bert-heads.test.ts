import { expect } from "chai";
import fc from "fast-check";
import {
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
} from "../../src/nn/index.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose } from "./expect-close.ts";
import { arbitrarySequences, paddedBatch } from "./padded-batch.ts";
import { randomise } from "./tiny-models.ts";

const SIZE = { layers: 2, hidden: 8, heads: 2, context: 8, vocabulary: 11 };

describe("a head of BERT", () => {
  const outputs = 3;
  const classifier = new BertForSequenceClassification({ ...SIZE, outputs });
  const tagger = new BertForTokenClassification({ ...SIZE, outputs });
  const answerer = new BertForQuestionAnswering(SIZE);
  for (const model of [classifier, tagger, answerer]) randomise(model, 3);

  it("says the same of a sequence whatever it is padded with and whichever stand beside it", () => {
    fc.assert(
      fc.property(arbitrarySequences, (all) => {
        const together = paddedBatch(all, 8);
        const classes = classifier.forward(together);
        const tags = tagger.forward(together);
        const { starts } = answerer.forward(together);
        for (const [row, sequence] of all.entries()) {
          const alone = paddedBatch([sequence]);
          const rowOf = (flat: ArrayLike<number>, width: number, length: number) =>
            Array.from(flat).slice(row * width, row * width + length);
          expectClose(classifier.forward(alone).numbers, rowOf(classes.numbers, outputs, outputs));
          const length = sequence.length;
          expectClose(tagger.forward(alone).numbers, rowOf(tags.numbers, 8 * outputs, length * outputs));
          expectClose(answerer.forward(alone).starts.numbers, rowOf(starts.numbers, 8, length));
        }
      }),
      { numRuns: 30 },
    );
  });

  it("learns alone where the encoder is frozen", () => {
    const batch = paddedBatch([
      [1, 2, 3],
      [4, 5],
    ]);
    const targets = Tensor.from([0, 2], [2], "i32");
    const losses = [
      [classifier, () => classifier.loss({ ...batch, targets })],
      [tagger, () => tagger.loss({ ...batch, positions: Tensor.from([0, 3], [2], "i32"), targets })],
      [answerer, () => answerer.loss({ ...batch, starts: Tensor.from([0, 1], [2], "i32"), ends: targets })],
    ] as const;
    for (const [model, loss] of losses) {
      const encoder = new Set(model.encoder.parameters());
      const withGradient = () => model.parameters().filter(({ grad }) => grad !== null);
      loss().backward();
      expect(withGradient()).to.have.length(model.parameters().length);
      model.zeroGrad();
      model.encoderFrozen = true;
      loss().backward();
      expect(withGradient()).to.deep.equal(model.trainedParameters());
      expect(model.trainedParameters().some((parameter) => encoder.has(parameter))).to.equal(false);
      expect(model.trainedParameters().length).to.equal(model.parameters().length - encoder.size);
      model.zeroGrad();
      model.encoderFrozen = false;
      expect(model.trainedParameters()).to.deep.equal(model.parameters());
    }
  });

  it("measures classes by their cross-entropy, scores by their squared error, and answers by the mean of both sides", () => {
    const batch = paddedBatch([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const logSumExp = (row: readonly number[]) => Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
    const crossEntropy = (rows: readonly number[][], targets: readonly number[]) =>
      rows.reduce((sum, row, index) => sum + logSumExp(row) - row[targets[index]], 0) / rows.length;
    const rowsOf = ({ numbers }: Tensor, width: number) =>
      Array.from({ length: numbers.length / width }, (_, row) =>
        Array.from(numbers).slice(row * width, (row + 1) * width),
      );
    const classLoss = classifier.loss({ ...batch, targets: Tensor.from([2, 0], [2], "i32") });
    expect(classLoss.item()).to.be.closeTo(crossEntropy(rowsOf(classifier.forward(batch), outputs), [2, 0]), 1e-5);

    const regressor = new BertForSequenceClassification({ ...SIZE, outputs: 1 });
    randomise(regressor, 4);
    const [first, second] = regressor.forward(batch).numbers;
    const scoreLoss = regressor.loss({ ...batch, targets: Tensor.from([0.5, -2], [2]) });
    expect(scoreLoss.item()).to.be.closeTo(((first - 0.5) ** 2 + (second + 2) ** 2) / 2, 1e-5);

    const { starts, ends } = answerer.forward(batch);
    const spanLoss = answerer.loss({
      ...batch,
      starts: Tensor.from([1, 0], [2], "i32"),
      ends: Tensor.from([2, 0], [2], "i32"),
    });
    const expected = (crossEntropy(rowsOf(starts, 3), [1, 0]) + crossEntropy(rowsOf(ends, 3), [2, 0])) / 2;
    expect(spanLoss.item()).to.be.closeTo(expected, 1e-5);

    const tagLoss = tagger.loss({
      ...batch,
      positions: Tensor.from([1, 5], [2], "i32"),
      targets: Tensor.from([0, 1], [2], "i32"),
    });
    const tags = rowsOf(tagger.forward(batch), outputs);
    expect(tagLoss.item()).to.be.closeTo(crossEntropy([tags[1], tags[5]], [0, 1]), 1e-5);
  });
});
