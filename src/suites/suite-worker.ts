/** One run in a process of its own, for run-suite.ts, which sends the experiment and is told how it goes. */

import { DivergenceError } from "../apollo/algorithm.ts";
import type { Experiment } from "../lab/experiment.ts";
import { run } from "../lab/run.ts";

/** What the process is sent once; a second message, or the end of whoever sent it, stops the run at its next update. */
export interface WorkerTask {
  experiment: Experiment;
  folder: string;
  cacheFolder?: string;
  /** Where the small model was trained that the run begins from. */
  smallModelFolder?: string;
}

/** What it tells. */
export type WorkerMessage =
  | { kind: "progress"; step: number; steps: number; loss: number; validation: number | null }
  | {
      kind: "end";
      status: string;
      reason?: string;
      /** Of a run that failed: through its own numbers, so that another attempt would fail too. */
      hasDiverged?: boolean;
    };

/** A line of progress is read by people. */
const TELL_EVERY_MS = 500;

const controller = new AbortController();
const tell = (message: WorkerMessage) => {
  if (process.connected) process.send!(message);
};

process.once("message", async (task: WorkerTask) => {
  const { experiment, ...places } = task;
  process.once("message", () => controller.abort());
  let told = 0;
  let validation: number | null = null;
  try {
    const { status, reason } = await run(experiment, {
      ...places,
      resume: true,
      signal: controller.signal,
      onProgress({ step, steps, record, evaluation }) {
        if (evaluation !== undefined) validation = evaluation.loss;
        if (performance.now() - told < TELL_EVERY_MS) return;
        told = performance.now();
        tell({ kind: "progress", step, steps, loss: record.loss, validation });
      },
    });
    tell({ kind: "end", status, reason });
  } catch (error) {
    const { message } = error as Error;
    tell({ kind: "end", status: "failed", reason: message, hasDiverged: error instanceof DivergenceError });
  }
  process.disconnect?.();
});
process.on("disconnect", () => controller.abort());
// Ctrl-C reaches every process of a terminal; whoever sent the task hears it too, and asks for the end.
process.on("SIGINT", () => {});
