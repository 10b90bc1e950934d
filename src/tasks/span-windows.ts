/**
 * Contexts that are longer than a model reads: overlapping windows over them, and the best answer from the scores of all windows,
 * as in BERT's program for SQuAD (Devlin et al. 2019, section 4.2).
 *
 * A window's sequence is [CLS], the question, [SEP], a part of the context, [SEP].
 */

import { checkSize } from "../data/batch-options.ts";

/** A part of a context: its tokens from `from` up to, and without, `to`. */
export interface TokenRange {
  readonly from: number;
  readonly to: number;
}

/** A piece of a text in UTF-16 units: from `start` up to, and without, `end`. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

export interface SpanWindowsOptions {
  /** How many tokens the context has. */
  readonly contextTokens: number;
  /** How many the question has. */
  readonly questionTokens: number;
  /** How many a sequence may have, with [CLS] and both [SEP]. */
  readonly maximumLength: number;
  /** By how many tokens a window begins after the one before; 128 in BERT. Where windows are shorter, their length. */
  readonly stride: number;
}

/** [CLS], and [SEP] after the question and after the context. */
const SPECIAL_TOKENS = 3;

/**
 * The windows over a context, in order: each as long as the sequence allows, the last one ending with the context. There is always
 * one, which an empty context leaves empty.
 * @throws naming the numbers when the question leaves no place for the context, or a number cannot be.
 */
export function spanWindows({
  contextTokens,
  questionTokens,
  maximumLength,
  stride,
}: SpanWindowsOptions): TokenRange[] {
  checkSize("contextTokens", contextTokens, 0);
  checkSize("questionTokens", questionTokens, 0);
  checkSize("maximumLength", maximumLength, 0);
  checkSize("stride", stride, 1);
  const room = maximumLength - questionTokens - SPECIAL_TOKENS;
  if (room < 1) {
    throw new Error(
      `a question of ${questionTokens} tokens leaves no place for its context in ${maximumLength}: with ${SPECIAL_TOKENS} special tokens and one of the context it needs ${questionTokens + SPECIAL_TOKENS + 1}`,
    );
  }
  const windows: TokenRange[] = [];
  for (let from = 0; ; from += Math.min(room, stride)) {
    const to = Math.min(from + room, contextTokens);
    windows.push({ from, to });
    if (to === contextTokens) return windows;
  }
}

/**
 * The index of the window in which a token has the maximum context: the smaller of the numbers of tokens before and after it, and
 * a hundredth of the window's length, are the most. Of equals it is the first.
 * @throws when the token is in no window.
 */
export function windowWithMostContext(windows: readonly TokenRange[], token: number): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (const [index, { from, to }] of windows.entries()) {
    if (token < from || token >= to) continue;
    // In hundredths, so that it is exact.
    const context = 100 * Math.min(token - from, to - 1 - token) + (to - from);
    if (context > most) {
      best = index;
      most = context;
    }
  }
  if (best < 0) throw new Error(`token ${token} of the context is in no window`);
  return best;
}

/** The tokens that a piece of the context touches, or undefined where there are none. */
export function tokensOfRange(offsets: readonly TextRange[], { start, end }: TextRange): TokenRange | undefined {
  const touches = (token: TextRange) => token.start < end && token.end > start;
  const from = offsets.findIndex(touches);
  return from < 0 ? undefined : { from, to: offsets.findLastIndex(touches) + 1 };
}

/** A window, and what a model says about its sequence. */
export interface ScoredWindow extends TokenRange {
  /** Where the context begins in the sequence: after [CLS], the question and [SEP]. */
  readonly contextStart: number;
  /** [T] Scores (logits) of an answer's first token, one for each token of the sequence; padding behind it does not matter. */
  readonly startScores: ArrayLike<number>;
  /** [T] Of its last token. */
  readonly endScores: ArrayLike<number>;
}

/** A possible answer. */
export interface ScoredSpan extends TextRange {
  /** Of its first token as the start and its last one as the end, added. */
  readonly score: number;
}

export interface BestSpansOptions {
  readonly windows: readonly ScoredWindow[];
  /** Where each token of the context stands in it. */
  readonly offsets: readonly TextRange[];
  /** The most tokens that an answer may have; 30 when absent. */
  readonly maximumTokens?: number;
  /** How many answers to list; 20 when absent. */
  readonly count?: number;
}

export interface BestSpans {
  /** The best answers in the context, the best one first; equals in the order of the text. */
  readonly spans: readonly ScoredSpan[];
  /** How well [CLS] does as start and end: the lowest over the windows, as one that holds an answer is enough. */
  readonly nullScore: number;
  /** `nullScore` less the best answer's score: above a threshold, there is no answer. Infinite if there are no spans. */
  readonly nullDifference: number;
}

/**
 * The best pieces of a context as answers. A piece lies in one window, which must be the one in which its first token has the
 * maximum context, so that it counts once. BERT's program looks only at pairs of the twenty best starts and ends of a
 * window, and finds the same wherever the best piece is one of these; here all pairs are looked at.
 * @throws when a score is NaN or missing, or a token of the context is in no window.
 */
export function bestSpans({ windows, offsets, maximumTokens = 30, count = 20 }: BestSpansOptions): BestSpans {
  checkSize("maximumTokens", maximumTokens, 1);
  checkSize("count", count, 1);
  const spans: ScoredSpan[] = [];
  for (const [first] of offsets.entries()) {
    const { from, to, contextStart, startScores, endScores } = windows[windowWithMostContext(windows, first)];
    const place = (token: number) => contextStart + token - from;
    for (let last = first; last < Math.min(to, first + maximumTokens); last++) {
      const score = startScores[place(first)] + endScores[place(last)];
      checkScore(score);
      if (spans.length === count && score <= spans[count - 1].score) continue;
      const rank = spans.findLastIndex((better) => better.score >= score) + 1;
      spans.splice(rank, 0, { start: offsets[first].start, end: offsets[last].end, score });
      spans.length = Math.min(spans.length, count);
    }
  }
  const nullScore = windows.reduce(
    (lowest, { startScores, endScores }) => Math.min(lowest, startScores[0] + endScores[0]),
    Number.POSITIVE_INFINITY,
  );
  checkScore(nullScore);
  return {
    spans,
    nullScore,
    nullDifference: nullScore - (spans[0]?.score ?? Number.NEGATIVE_INFINITY),
  };
}

function checkScore(score: number): void {
  if (Number.isNaN(score)) throw new Error("a score of the start or the end of an answer is NaN or missing");
}
