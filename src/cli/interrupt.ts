/** Ctrl-C: the first asks the work to end cleanly, the second ends the program. */

/** Runs `body` with a signal that Ctrl-C (or a termination request) raises. */
export async function interruptible<Result>(body: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const raise = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, raise);
  try {
    return await body(controller.signal);
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, raise);
  }
}
