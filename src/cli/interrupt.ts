/** Ctrl-C: before training it ends the program; then the first asks the work to end cleanly, and the second ends the program. */

/**
 * Runs `body` with a signal that Ctrl-C (or a termination request) raises from the call of `listen` on. Until then there is
 * nothing to save, and the work is one long synchronous piece in which no signal could be heard: Node's default, which ends
 * the program, serves better.
 */
export async function interruptible<Result>(
  body: (signal: AbortSignal, listen: () => void) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const raise = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  const ignore = () => {
    for (const name of names) process.off(name, raise);
  };
  const listen = () => {
    ignore();
    for (const name of names) process.on(name, raise);
  };
  try {
    return await body(controller.signal, listen);
  } finally {
    ignore();
  }
}
