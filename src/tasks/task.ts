/** Labelled tasks: what a trained encoder is fine-tuned on and measured by. */

/** One text, or two that are judged together. */
export interface SequenceExample {
  /** Unique within its task. */
  readonly id: string;
  readonly text: string;
  readonly pair?: string;
  /** An index into the task's labels; in regression the score itself. */
  readonly label: number;
}

/** A sentence whose every word has a tag. */
export interface TaggedExample {
  readonly id: string;
  readonly words: readonly string[];
  /** Indices into the task's labels, one per word. */
  readonly tags: readonly number[];
}

/** A question about a text that holds its answer, or does not. */
export interface SpanExample {
  readonly id: string;
  readonly question: string;
  readonly context: string;
  /** Every answer that counts as right; empty where the text does not answer the question. */
  readonly answers: readonly SpanAnswer[];
}

/** A piece of a context. */
export interface SpanAnswer {
  readonly text: string;
  /** Where it begins in the context, in UTF-16 units. */
  readonly start: number;
}

/** How a prediction is measured; {@link Metric} values are shares or correlations, so that 1 is best. */
export type Metric = "accuracy" | "f1" | "matthews" | "pearson" | "spearman" | "exact-match" | "span-f1";

/** Examples that are evaluated together under a name, such as "matched". */
export interface DevelopmentSet<Example> {
  readonly name: string;
  readonly examples: readonly Example[];
}

interface TaskOf<Kind extends string, Example> {
  readonly name: string;
  readonly kind: Kind;
  /** One sentence: what the examples are, and of which known task they are an analogue. */
  readonly about: string;
  /** One sentence: what a result on it does not say. Absent where the task is the known one itself. */
  readonly isNot?: string;
  /** What of the files was left out, how much of it and why. Absent where nothing was. */
  readonly skipped?: string;
  readonly train: readonly Example[];
  /** The first is the one that the best epoch is chosen by. */
  readonly development: readonly DevelopmentSet<Example>[];
  /** The first is the one that the best epoch is chosen by. */
  readonly metrics: readonly Metric[];
}

/** Each text, or pair, belongs to one of several classes. */
export interface ClassificationTask extends TaskOf<"classification", SequenceExample> {
  readonly labels: readonly string[];
}

/** Each text, or pair, has a score. */
export type RegressionTask = TaskOf<"regression", SequenceExample>;

/** Each word has a tag. */
export interface TaggingTask extends TaskOf<"tagging", TaggedExample> {
  readonly labels: readonly string[];
}

/** Each question is answered by a piece of its context, or not at all. */
export interface SpanTask extends TaskOf<"spans", SpanExample> {
  /** Whether some questions have no answer (SQuAD 2.0). */
  readonly hasUnanswerable: boolean;
}

export type LabelledTask = ClassificationTask | RegressionTask | TaggingTask | SpanTask;
