/** Whether operations are recorded for differentiation. */

import { refuseAsync } from "../tensor/scope.ts";

let recording = true;

export function isRecording(): boolean {
  return recording;
}

/** Runs `body` with recording switched on or off. */
export function withRecording<Result>(enabled: boolean, body: () => Result): Result {
  const before = recording;
  recording = enabled;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/**
 * Runs `body` without recording: its results have no history and cost no memory beyond themselves.
 * @throws when `body` is asynchronous.
 */
export function noGrad<Result>(body: () => Result): Result {
  const result = withRecording(false, body);
  refuseAsync("noGrad", result, "operations are recorded again before an async one goes on");
  return result;
}
