/** Whether operations are recorded for differentiation. */

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

/** Runs `body` without recording: its results have no history and cost no memory beyond themselves. */
export function noGrad<Result>(body: () => Result): Result {
  return withRecording(false, body);
}
