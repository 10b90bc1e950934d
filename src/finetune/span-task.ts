/** Questions answered by a piece of a text. */

import type { Tokenizer } from "../data/index.ts";
import type { BertForQuestionAnswering, SpanBatch } from "../nn/index.ts";
import { bestSpans, spanWindows, type TextRange, type TokenRange, tokensOfRange } from "../tasks/span-windows.ts";
import { bestThresholds, evaluateSpans } from "../tasks/squad-metrics.ts";
import type { SpanExample, SpanTask } from "../tasks/task.ts";
import { Tensor } from "../tensor/tensor.ts";
import { batchOf, type EncodedSequence, frame, frameIdsOf } from "./encoded-sequence.ts";
import type { HeadedTask } from "./headed-task.ts";
import { predictAll, rowsOf } from "./predictions.ts";

/** A question with a part of its context. */
interface WindowSequence extends EncodedSequence {
  readonly window: TokenRange;
  /** Where the context begins in the sequence. */
  readonly contextStart: number;
}

interface EncodedQuestion {
  readonly offsets: readonly TextRange[];
  readonly sequences: readonly WindowSequence[];
}

/** A window begins this many tokens after the one before (Devlin et al. 2019's program); half the context where that is short. */
const STRIDE = 128;
/** Of the context, at most so much goes to the question. */
const QUESTION_SHARE = 0.5;
/** [CLS]: what start and end are where a window holds no answer. */
const NO_ANSWER = 0;

/** A context that is longer than the model reads is seen through overlapping windows. */
export function spanTask(task: SpanTask, model: BertForQuestionAnswering, tokenizer: Tokenizer): HeadedTask<SpanBatch> {
  const frameIds = frameIdsOf(tokenizer);
  const { context } = model.encoder.size;
  const questionRoom = Math.floor(QUESTION_SHARE * context);
  const encode = (example: SpanExample): EncodedQuestion => {
    const question = [...tokenizer.encode(example.question)].slice(0, questionRoom);
    const tokens = tokenizer
      .encodePieces(example.context)
      .flatMap(({ ids, start, end }) => ids.map((id) => ({ id, start, end })));
    const windows = spanWindows({
      contextTokens: tokens.length,
      questionTokens: question.length,
      maximumLength: context,
      stride: Math.min(STRIDE, Math.floor(context / 2)),
    });
    const ids = tokens.map(({ id }) => id);
    const sequences = windows.map((window) => ({
      ...frame(question, ids.slice(window.from, window.to), frameIds),
      window,
      contextStart: question.length + 2,
    }));
    return { offsets: tokens, sequences };
  };
  const training = task.train.flatMap((example) => {
    const { offsets, sequences } = encode(example);
    const [answer] = example.answers;
    const tokens = answer && tokensOfRange(offsets, { start: answer.start, end: answer.start + answer.text.length });
    return sequences.map((sequence) => ({ sequence, ...answerIn(sequence, tokens) }));
  });
  const development = task.development.map(({ examples }) => examples.map(encode));
  return {
    model,
    trainingSequences: training.length,
    batchOf(chosen) {
      const parts = chosen.map((index) => training[index]);
      const targets = (side: "start" | "end") =>
        Tensor.from(
          parts.map((part) => part[side]),
          [parts.length],
          "i32",
        );
      return {
        ...batchOf(
          parts.map(({ sequence }) => sequence),
          frameIds,
        ),
        starts: targets("start"),
        ends: targets("end"),
      };
    },
    evaluate(set) {
      const { examples } = task.development[set];
      const encoded = development[set];
      const outputs = predictAll(
        model,
        encoded.flatMap(({ sequences }) => sequences),
        {
          toBatch: (sequences) => batchOf(sequences, frameIds),
          outputsOf: (batch) => {
            const { starts, ends } = model.forward(batch);
            const endRows = rowsOf(ends);
            return rowsOf(starts).map((startScores, row) => ({ startScores, endScores: endRows[row] }));
          },
        },
      );
      let next = 0;
      const answers = encoded.map(({ offsets, sequences }, index) => {
        const windows = sequences.map(({ window, contextStart }) => ({ ...window, contextStart, ...outputs[next++] }));
        const { spans, nullDifference } = bestSpans({ windows, offsets });
        const text = spans.length === 0 ? "" : examples[index].context.slice(spans[0].start, spans[0].end);
        return { text, noAnswerScore: nullDifference };
      });
      const predictions = new Map(examples.map(({ id }, index) => [id, answers[index]]));
      const threshold = task.hasUnanswerable ? NULL_THRESHOLD : Number.POSITIVE_INFINITY;
      const measured = evaluateSpans({ examples, predictions, threshold });
      return {
        scores: { "span-f1": measured.f1, "exact-match": measured.exactMatch },
        predictions: examples.map(({ id }, index) => ({
          id,
          predicted: answers[index].noAnswerScore > threshold ? "" : answers[index].text,
        })),
        ...(task.hasUnanswerable && { spans: { ...measured, best: bestThresholds({ examples, predictions }) } }),
      };
    },
  };
}

/** No answer is given where [CLS] scores better than every piece. */
const NULL_THRESHOLD = 0;

/** Places of the first and the last token of an answer in a sequence; [CLS] where the window does not hold all of it. */
function answerIn(
  { window, contextStart }: WindowSequence,
  answer: TokenRange | undefined,
): { start: number; end: number } {
  if (answer === undefined || answer.from < window.from || answer.to > window.to)
    return { start: NO_ANSWER, end: NO_ANSWER };
  return { start: contextStart + answer.from - window.from, end: contextStart + answer.to - 1 - window.from };
}
