/** Classification and regression of texts and pairs of texts. */

import type { Tokenizer } from "../data/index.ts";
import type { LabelledBatch } from "../nn/index.ts";
import type { ClassificationTask, RegressionTask, SequenceExample } from "../tasks/task.ts";
import { Tensor } from "../tensor/tensor.ts";
import { batchOf, type EncodedSequence, framingOf } from "./encoded-sequence.ts";
import type { SequenceModel } from "./head-model.ts";
import type { HeadedTask } from "./headed-task.ts";
import { largestOf, predictAll, rowsOf, sequenceScores } from "./predictions.ts";

/** Each example is one sequence, cut to the context. */
export function sequenceTask(
  task: ClassificationTask | RegressionTask,
  model: SequenceModel,
  tokenizer: Tokenizer,
): HeadedTask<LabelledBatch> {
  const framing = framingOf(model.family, tokenizer);
  const { context } = model.encoder.size;
  const encode = ({ text, pair }: SequenceExample): EncodedSequence => {
    const second = pair === undefined ? undefined : [...tokenizer.encode(pair)];
    return framing.sequenceOf([...tokenizer.encode(text)], second, context);
  };
  const training = task.train.map(encode);
  const isClassification = task.kind === "classification";
  const development = task.development.map(({ examples }) => examples.map(encode));
  return {
    model,
    trainingSequences: training.length,
    batchOf(chosen) {
      const targets = chosen.map((index) => task.train[index].label);
      return {
        ...batchOf(
          chosen.map((index) => training[index]),
          framing,
        ),
        targets: Tensor.from(targets, [targets.length], isClassification ? "i32" : "f32"),
      };
    },
    evaluate(set) {
      const { examples } = task.development[set];
      const outputs = predictAll(model, development[set], {
        toBatch: (sequences) => batchOf(sequences, framing),
        outputsOf: (batch) => rowsOf(model.forward(batch)),
      });
      const predicted = outputs.map((row) => (isClassification ? largestOf(row) : row[0]));
      const actual = examples.map(({ label }) => label);
      return {
        scores: sequenceScores(task.metrics, { predicted, actual }),
        predictions: examples.map(({ id }, index) => ({
          id,
          predicted: isClassification ? task.labels[predicted[index]] : `${predicted[index]}`,
        })),
      };
    },
  };
}
