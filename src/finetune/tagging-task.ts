/** A tag for every word. */

import type { Tokenizer } from "../data/index.ts";
import type { BertForTokenClassification, TaggedBatch } from "../nn/index.ts";
import type { TaggedExample, TaggingTask } from "../tasks/task.ts";
import { Tensor } from "../tensor/tensor.ts";
import { batchOf, type EncodedSequence, FRAME_OF_ONE, frame, frameIdsOf } from "./encoded-sequence.ts";
import type { HeadedTask } from "./headed-task.ts";
import { largestOf, predictAll, rowsOf, sequenceScores } from "./predictions.ts";

/** Some words of a sentence as one sequence. */
interface WordSequence extends EncodedSequence {
  /** Where each word's first token is: that one is judged (Devlin et al. 2019, section 5.3). */
  readonly firstTokens: readonly number[];
  readonly tags: readonly number[];
}

/** Sentences longer than the context are cut between words into several sequences, so that every word has a tag. */
export function taggingTask(
  task: TaggingTask,
  model: BertForTokenClassification,
  tokenizer: Tokenizer,
): HeadedTask<TaggedBatch> {
  const frameIds = frameIdsOf(tokenizer);
  const { unknown } = tokenizer.special;
  const room = model.encoder.size.context - FRAME_OF_ONE;
  const encode = ({ words, tags }: TaggedExample): WordSequence[] => {
    const pieces = tokenizer
      .encodeWords(words)
      .map((ids) => (ids.length > 0 ? ids : unknown === undefined ? [] : [unknown]).slice(0, room));
    const sequences: { ids: number[]; firstTokens: number[]; tags: number[] }[] = [];
    for (const [word, ids] of pieces.entries()) {
      const last = sequences.at(-1);
      const current =
        last !== undefined && last.ids.length + ids.length <= room ? last : { ids: [], firstTokens: [], tags: [] };
      if (current !== last) sequences.push(current);
      current.firstTokens.push(1 + current.ids.length);
      current.tags.push(tags[word]);
      current.ids.push(...ids);
    }
    return sequences.map(({ ids, ...rest }) => ({ ...frame(ids, undefined, frameIds), ...rest }));
  };
  const training = task.train.flatMap(encode);
  const development = task.development.map(({ examples }) => examples.map(encode));
  return {
    model,
    trainingSequences: training.length,
    batchOf(chosen) {
      const sequences = chosen.map((index) => training[index]);
      const encoded = batchOf(sequences, frameIds);
      const [, tokens] = encoded.inputs.shape;
      const positions = sequences.flatMap(({ firstTokens }, row) => firstTokens.map((place) => row * tokens + place));
      const targets = sequences.flatMap(({ tags }) => tags);
      return {
        ...encoded,
        positions: Tensor.from(positions, [positions.length], "i32"),
        targets: Tensor.from(targets, [targets.length], "i32"),
      };
    },
    evaluate(set) {
      const { examples } = task.development[set];
      const sequences = development[set];
      const outputs = predictAll(model, sequences.flat(), {
        toBatch: (some) => batchOf(some, frameIds),
        outputsOf: (batch) => {
          const [rows, tokens] = batch.inputs.shape;
          const logits = rowsOf(model.forward(batch));
          return Array.from({ length: rows }, (_, row) =>
            logits.slice(row * tokens, (row + 1) * tokens).map(largestOf),
          );
        },
      });
      let next = 0;
      const tagsOf = sequences.map((parts) =>
        parts.flatMap(({ firstTokens }) => {
          const best = outputs[next++];
          return firstTokens.map((place) => best[place]);
        }),
      );
      const actual = examples.flatMap(({ tags }) => tags);
      return {
        scores: sequenceScores(task.metrics, { predicted: tagsOf.flat(), actual }),
        predictions: examples.map(({ id }, index) => ({
          id,
          predicted: tagsOf[index].map((tag) => task.labels[tag]).join(" "),
        })),
      };
    },
  };
}
