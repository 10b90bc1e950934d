/**
 * How answers to SQuAD's questions are measured: what its evaluation script for version 2.0 computes, which without unanswerable
 * questions is what that for 1.1 computes. Values are shares, where the scripts print percentages.
 */

import type { SpanExample } from "./task.ts";

/** What was answered to one question. */
export interface SpanPrediction {
  /** The best answer in the context; "" says that there is none. */
  readonly text: string;
  /** The higher, the likelier it is that the context holds no answer; 0 when absent. */
  readonly noAnswerScore?: number;
}

/** The means over some questions. */
export interface SpanScores {
  readonly exactMatch: number;
  readonly f1: number;
  /** How many questions. */
  readonly total: number;
}

/** The best mean that any threshold gives, and the lowest such threshold. */
export interface BestThreshold {
  readonly value: number;
  readonly threshold: number;
}

export interface SpanEvaluation extends SpanScores {
  /** Of the questions that have an answer; absent where there are none. */
  readonly answerable?: SpanScores;
  /** Of those that have none. */
  readonly unanswerable?: SpanScores;
}

/** Python's `string.punctuation`, all of ASCII's. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
/** As Python has it, a word is letters, digits and `_` of any script; JavaScript's `\b` knows ASCII's only. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
const WHITE_SPACE = /\p{White_Space}+/gu;

/** Lower case, without ASCII punctuation and without the words a, an, the, and with single spaces. */
export function normaliseAnswer(text: string): string {
  return text.toLowerCase().replace(PUNCTUATION, "").replace(ARTICLES, " ").replace(WHITE_SPACE, " ").trim();
}

/** 1 if an answer is, normalised, one of the right ones, else 0. No right answer stands for the right answer "". */
export function exactMatch(text: string, right: readonly string[]): number {
  const answer = normaliseAnswer(text);
  return normalisedAnswers(right).includes(answer) ? 1 : 0;
}

/**
 * The F1 of an answer's words, which may repeat, against those of the right answer where it is highest: 2·|common| / (|answer| +
 * |right|), normalised. Where one has no words it is 1 if the other has none either, else 0. No right answer stands for
 * the right answer "".
 */
export function answerF1(text: string, right: readonly string[]): number {
  const answer = wordsOf(normaliseAnswer(text));
  return Math.max(...normalisedAnswers(right).map((each) => wordsF1(answer, wordsOf(each))));
}

/** The right answers normalised; those of which nothing is left do not count, and without any the right answer is "". */
function normalisedAnswers(right: readonly string[]): string[] {
  const answers = right.map(normaliseAnswer).filter((answer) => answer !== "");
  return answers.length > 0 ? answers : [""];
}

function wordsOf(normalised: string): string[] {
  return normalised === "" ? [] : normalised.split(" ");
}

function wordsF1(answer: readonly string[], right: readonly string[]): number {
  if (answer.length === 0 || right.length === 0) return answer.length === right.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of right) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of answer) {
    const times = left.get(word) ?? 0;
    if (times > 0) common++;
    left.set(word, times - 1);
  }
  return (2 * common) / (answer.length + right.length);
}

/** One question's marks: for its answer, and for saying that there is none. */
interface Marks {
  readonly exactMatch: number;
  readonly f1: number;
  readonly noAnswer: 0 | 1;
  readonly noAnswerScore: number;
}

export interface EvaluateSpansOptions {
  readonly examples: readonly SpanExample[];
  /** By the examples' ids; others are ignored. */
  readonly predictions: ReadonlyMap<string, SpanPrediction>;
  /** A question whose `noAnswerScore` is above this counts as answered with "there is none"; by default none does. */
  readonly threshold?: number;
}

/**
 * The means of exact match and F1 over all questions, and over those with and those without an answer.
 * @throws naming a question without a prediction, or with one whose score is not a number; when there are no questions.
 */
export function evaluateSpans({
  examples,
  predictions,
  threshold = Number.POSITIVE_INFINITY,
}: EvaluateSpansOptions): SpanEvaluation {
  const all = marksOf({ examples, predictions });
  const answerable = all.filter(({ noAnswer }) => noAnswer === 0);
  const unanswerable = all.filter(({ noAnswer }) => noAnswer === 1);
  return {
    ...meanScores(all, threshold),
    ...(answerable.length > 0 ? { answerable: meanScores(answerable, threshold) } : {}),
    ...(unanswerable.length > 0 ? { unanswerable: meanScores(unanswerable, threshold) } : {}),
  };
}

/**
 * For exact match and F1, the threshold at which `evaluateSpans` gives the best mean. The candidates are all `noAnswerScore`s,
 * and one less than the lowest of them, at which nothing is answered; of equally good ones it is the lowest.
 *
 * It differs from the official script in three corners. Questions with equal scores change sides together, as they do in an
 * evaluation. A prediction of which normalisation leaves nothing, such as "the", stays right where there is no answer.
 * And "nothing is answered" is not the threshold 0, as scores need not be probabilities.
 * @throws as `evaluateSpans`.
 */
export function bestThresholds({ examples, predictions }: Omit<EvaluateSpansOptions, "threshold">): {
  exactMatch: BestThreshold;
  f1: BestThreshold;
} {
  const sorted = marksOf({ examples, predictions }).sort((one, other) => one.noAnswerScore - other.noAnswerScore);
  return { exactMatch: bestThreshold(sorted, "exactMatch"), f1: bestThreshold(sorted, "f1") };
}

function bestThreshold(sorted: readonly Marks[], metric: "exactMatch" | "f1"): BestThreshold {
  let sum = sorted.reduce((total, { noAnswer }) => total + noAnswer, 0);
  let best = { sum, threshold: sorted[0].noAnswerScore - 1 };
  for (const [index, marks] of sorted.entries()) {
    sum += marks[metric] - marks.noAnswer;
    if (sorted[index + 1]?.noAnswerScore === marks.noAnswerScore) continue;
    if (sum > best.sum) best = { sum, threshold: marks.noAnswerScore };
  }
  return { value: best.sum / sorted.length, threshold: best.threshold };
}

function marksOf({ examples, predictions }: Omit<EvaluateSpansOptions, "threshold">): Marks[] {
  if (examples.length === 0) throw new Error("no questions: there is nothing to measure");
  return examples.map(({ id, answers }) => {
    const prediction = predictions.get(id);
    if (prediction === undefined) throw new Error(`question ${id} has no prediction`);
    const { text, noAnswerScore = 0 } = prediction;
    if (Number.isNaN(noAnswerScore)) throw new Error(`the no-answer score of question ${id} is NaN`);
    const right = answers.map((answer) => answer.text);
    return {
      exactMatch: exactMatch(text, right),
      f1: answerF1(text, right),
      noAnswer: answers.length === 0 ? 1 : 0,
      noAnswerScore,
    };
  });
}

function meanScores(marks: readonly Marks[], threshold: number): SpanScores {
  const mean = (metric: "exactMatch" | "f1") =>
    marks.reduce((sum, each) => sum + (each.noAnswerScore > threshold ? each.noAnswer : each[metric]), 0) /
    marks.length;
  return { exactMatch: mean("exactMatch"), f1: mean("f1"), total: marks.length };
}
