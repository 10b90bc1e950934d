/** Makes the runs of suites, several processes side by side, and keeps a record of each. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { checkWritable, makeFolders } from "../io/files.ts";
import { type Experiment, experimentHash, smallExperimentOf } from "../lab/experiment.ts";
import { WEIGHTS_FILE } from "../lab/run-folder.ts";
import { prepareCorpora } from "../lab/task.ts";
import { readRun, runFileNames } from "../report/run-files.ts";
import { recordOf } from "../report/run-record.ts";
import { inProcess } from "./in-process.ts";
import type { Records } from "./records.ts";
import { missingRuns, type RecipeRuns, runsOf, type Suite } from "./suite.ts";
import type { WorkerMessage, WorkerTask } from "./suite-worker.ts";

export interface RunSuitesOptions {
  /** Where the runs' folders go. */
  folder: string;
  records: Records;
  /** Runs at a time, each on one thread; the processor's cores when absent. One when `solo`. */
  processes?: number;
  /** One run at a time, so that its seconds may be believed. */
  solo?: boolean;
  signal?: AbortSignal;
  /** Where tokenised corpora are kept. */
  cacheFolder?: string;
  onPrepare?: (message: string) => void;
  /** Told once all is prepared and runs begin. */
  onBegin?: () => void;
  /** Told whenever the numbers change. */
  onCount?: (done: number, known: number) => void;
  onProgress?: (experiment: Experiment, progress: Extract<WorkerMessage, { kind: "progress" }>) => void;
  onEnd?: (experiment: Experiment, end: Extract<WorkerMessage, { kind: "end" }>) => void;
}

export interface SuiteRuns {
  /** For each suite the runs of every recipe, as far as they are known when it ends or is stopped. */
  runs: RecipeRuns[][];
  /** By hash, why a run left nothing to record. */
  lost: ReadonlyMap<string, string>;
}

/**
 * Runs what is not recorded yet; a run that several suites need is made once. Runs that were cut off continue; one that fails is
 * recorded as failed, or told as lost, and the rest goes on.
 * @throws before anything runs, when a corpus cannot be read, or folders cannot be written; later, when a record cannot be: all runs
 *   are then stopped.
 */
export async function runSuites(suites: readonly Suite[], options: RunSuitesOptions): Promise<SuiteRuns> {
  const { records, solo = false, cacheFolder, onPrepare, onBegin, onCount, onEnd } = options;
  for (const folder of [options.folder, records.folder]) checkWritable(folder);
  const failing = new AbortController();
  const signal = options.signal === undefined ? failing.signal : AbortSignal.any([options.signal, failing.signal]);
  const processes = solo ? 1 : (options.processes ?? availableParallelism());
  /** This call does not try them again. */
  const lost = new Map<string, string>();
  const isDone = (hash: string) => {
    const record = records.get(hash);
    return lost.has(hash) || (record !== undefined && (record.isSolo || !solo));
  };
  const known = () =>
    suites.map((suite) =>
      runsOf(
        suite,
        (hash) => records.get(hash),
        (hash) => lost.has(hash),
      ),
    );
  // Once, so that the processes find them tokenised.
  const first = known().map(([{ grid }]) => grid[0]);
  prepareCorpora(first, { cacheFolder, onProgress: onPrepare });
  // Before the processes, none of which is then to make it, or to take it away again.
  makeFolders(options.folder);
  onBegin?.();
  const running = new Map<string, Promise<void>>();
  for (;;) {
    const runs = known();
    const missing = missingRuns(runs, isDone);
    const all = missingRuns(runs, () => false).length;
    onCount?.(all - missing.length, all);
    const next = new Map<string, Experiment>();
    const lostBefore = lost.size;
    for (const experiment of missing) {
      const small = smallExperimentOf(experiment);
      const isReady = small === null || existsSync(join(folderOf(small, options), WEIGHTS_FILE));
      const failure = isReady ? undefined : failureOf(small, records, lost);
      if (failure === undefined) next.set(experimentHash(isReady ? experiment : small), isReady ? experiment : small);
      else lost.set(experimentHash(experiment), `the small model: ${failure}`);
    }
    // What is lost counts as failed, and may complete a grid whose seeds are due now.
    if (lost.size > lostBefore) continue;
    const waiting = [...next].filter(([hash]) => !running.has(hash));
    if (!signal.aborted) {
      for (const [hash, experiment] of waiting.slice(0, processes - running.size)) {
        const folder = folderOf(experiment, options);
        const begun = runInProcess(experiment, folder, { ...options, signal }).then((end) => {
          running.delete(hash);
          // What else fails, fails for a reason of the machine's, and is tried again by the next command.
          const isOver = end.status === "finished" || end.hasDiverged;
          if (isOver && existsSync(join(folder, runFileNames.header))) {
            const date = new Date().toISOString().slice(0, 10);
            records.add(recordOf(readRun(folder), { hash, isSolo: solo, date }));
          } else if (!signal.aborted) lost.set(hash, end.reason ?? end.status);
          onEnd?.(experiment, end);
        });
        running.set(hash, begun);
      }
    }
    if (running.size === 0) return { runs: known(), lost };
    try {
      await Promise.race(running.values());
    } catch (error) {
      failing.abort();
      await Promise.allSettled(running.values());
      throw error;
    }
  }
}

/** Runs that have the machine to themselves are others: their clocks are to be believed from the first step to the last. */
function folderOf(experiment: Experiment, { folder, solo }: Pick<RunSuitesOptions, "folder" | "solo">): string {
  const name = `${experiment.name}-seed${experiment.seed}-${experimentHash(experiment)}`;
  return join(folder, solo ? `${name}-solo` : name);
}

/** Why a run will never leave weights to begin from; undefined while it may. */
function failureOf(experiment: Experiment, records: Records, lost: ReadonlyMap<string, string>): string | undefined {
  const hash = experimentHash(experiment);
  const header = records.get(hash)?.header;
  return lost.get(hash) ?? (header?.status === "failed" ? (header.reason ?? header.status) : undefined);
}

async function runInProcess(
  experiment: Experiment,
  folder: string,
  options: RunSuitesOptions,
): Promise<Extract<WorkerMessage, { kind: "end" }>> {
  const { signal, cacheFolder, onProgress } = options;
  const small = smallExperimentOf(experiment);
  const smallModelFolder = small === null ? undefined : folderOf(small, options);
  let end: Extract<WorkerMessage, { kind: "end" }> | undefined;
  const reason = await inProcess<WorkerMessage>({
    program: "suite-worker",
    task: { experiment, folder, cacheFolder, smallModelFolder } satisfies WorkerTask,
    signal,
    onMessage(message) {
      if (message.kind === "progress") onProgress?.(experiment, message);
      else end = message;
    },
  });
  return end ?? { kind: "end", status: "interrupted", reason };
}
