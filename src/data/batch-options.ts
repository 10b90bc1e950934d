/** What every stream of batches needs to know. */
export interface BatchOptions {
  tokens: Int32Array;
  /** T, tokens of a sequence. */
  context: number;
  /** B, sequences in a batch. */
  batchSize: number;
  /** Of the order of the data. */
  seed: number;
}

/** Where a stream stands, ready for JSON; the sizes are there to notice a stream over other data. */
export interface BatchState {
  step: number;
  seed: number;
  context: number;
  batchSize: number;
  tokenCount: number;
}

/** How evaluation batches are cut. */
export interface EvaluationOptions {
  context: number;
  batchSize: number;
  /** At least so many tokens are evaluated, if there are so many; 65,536 when absent. */
  minimumTokens?: number;
}

export const EVALUATION_TOKENS = 65_536;

/** @throws naming a size that is not a whole number of at least `smallest`. */
export function checkSize(name: string, value: number, smallest: number): void {
  if (!Number.isInteger(value) || value < smallest)
    throw new Error(`${name} must be a whole number of at least ${smallest}, not ${value}`);
}

/** @throws when a corpus has fewer tokens than one sequence reads. */
export function checkLength(tokens: Int32Array, { context, needed }: { context: number; needed: number }): void {
  if (tokens.length >= needed) return;
  throw new Error(
    `a corpus of ${tokens.length} tokens is shorter than one context window: a context of ${context} needs ${needed}`,
  );
}
