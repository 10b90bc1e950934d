/** Makes the runs of a suite, several processes side by side, and keeps a record of each. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { prepareCorpus } from "../data/token-cache.ts";
import { readRun, runFileNames } from "../report/run-files.ts";
import { recordOf } from "../report/run-record.ts";
import { type Experiment, experimentHash } from "./experiment.ts";
import type { Records } from "./records.ts";
import { missingRuns, type RecipeRuns, runsOf, type Suite } from "./suite.ts";
import type { WorkerMessage, WorkerTask } from "./suite-worker.ts";
import { corpusOptionsOf } from "./task.ts";

export interface RunSuiteOptions {
  /** Where the runs' folders go. */
  folder: string;
  records: Records;
  /** Runs at a time, each on one thread; the processor's cores when absent. One when `solo`. */
  processes?: number;
  /** One run at a time, so that its seconds may be believed. */
  solo?: boolean;
  signal?: AbortSignal;
  onPrepare?: (message: string) => void;
  /** Told whenever the numbers change. */
  onCount?: (done: number, known: number) => void;
  onProgress?: (experiment: Experiment, progress: Extract<WorkerMessage, { kind: "progress" }>) => void;
  onEnd?: (experiment: Experiment, end: Extract<WorkerMessage, { kind: "end" }>) => void;
}

/**
 * Runs what is not recorded yet. Runs that were cut off continue; one that fails is recorded as failed, and the rest goes on.
 * @returns the runs of every recipe, as far as they are known when it ends or is stopped.
 * @throws before anything runs, when the suite's corpus cannot be read.
 */
export async function runSuite(suite: Suite, options: RunSuiteOptions): Promise<RecipeRuns[]> {
  const { records, solo = false, signal, onPrepare, onCount, onEnd } = options;
  const processes = solo ? 1 : (options.processes ?? availableParallelism());
  /** Runs that ended without leaving anything to record: another attempt would end like that, too. */
  const lost = new Set<string>();
  const isDone = (hash: string) => {
    const record = records.get(hash);
    return lost.has(hash) || (record !== undefined && (record.isSolo || !solo));
  };
  const known = () => runsOf(suite, (hash) => records.get(hash));
  // Once, so that the processes find it tokenised.
  prepareCorpus({ ...corpusOptionsOf(known()[0].grid[0]), onProgress: onPrepare });
  const running = new Map<string, Promise<void>>();
  for (;;) {
    const runs = known();
    const missing = missingRuns(runs, isDone);
    const all = missingRuns(runs, () => false).length;
    onCount?.(all - missing.length, all);
    const waiting = missing.filter((experiment) => !running.has(experimentHash(experiment)));
    if (!signal?.aborted) {
      for (const experiment of waiting.slice(0, processes - running.size)) {
        const hash = experimentHash(experiment);
        const folder = join(options.folder, `${experiment.name}-seed${experiment.seed}-${hash}`);
        const begun = runInProcess(experiment, folder, options).then((end) => {
          running.delete(hash);
          const isOver = end.status === "finished" || end.status === "failed";
          if (isOver && existsSync(join(folder, runFileNames.header))) {
            const date = new Date().toISOString().slice(0, 10);
            records.add(recordOf(readRun(folder), { hash, isSolo: solo, date }));
          } else if (!signal?.aborted) lost.add(hash);
          onEnd?.(experiment, end);
        });
        running.set(hash, begun);
      }
    }
    if (running.size === 0) return known();
    await Promise.race(running.values());
  }
}

async function runInProcess(
  experiment: Experiment,
  folder: string,
  { signal, onProgress }: RunSuiteOptions,
): Promise<Extract<WorkerMessage, { kind: "end" }>> {
  // The source runs as .ts, the package as .js.
  const here = import.meta.url;
  const program = new URL(here.endsWith(".ts") ? "./suite-worker.ts" : "./suite-worker.js", here);
  const child: ChildProcess = fork(program, { env: { ...process.env, APOLLO_THREADS: "1" } });
  const stop = () => child.connected && child.send("stop");
  signal?.addEventListener("abort", stop);
  let end: Extract<WorkerMessage, { kind: "end" }> | undefined;
  child.on("message", (message: WorkerMessage) => {
    if (message.kind === "progress") onProgress?.(experiment, message);
    else end = message;
  });
  child.send({ experiment, folder } satisfies WorkerTask);
  const [code, killedBy] = (await once(child, "exit")) as [number | null, string | null];
  signal?.removeEventListener("abort", stop);
  return end ?? { kind: "end", status: "interrupted", reason: `its process ended with ${killedBy ?? `code ${code}`}` };
}
