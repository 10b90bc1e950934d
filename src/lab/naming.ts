/** Errors that say what they are about. */

import { DivergenceError } from "../apollo/algorithm.ts";

/** What `work` returns. @throws what it throws, with `part` before the reason; a divergence stays one. */
export function naming<Result>(part: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw failureOf(part, error);
  }
}

/** The error of one part of a run, which it names; a divergence stays one. */
export function failureOf(part: string, error: unknown): Error {
  const message = `${part}: ${(error as Error).message}`;
  return error instanceof DivergenceError
    ? new DivergenceError(message, { cause: error })
    : new Error(message, { cause: error });
}
