/** Makes the runs of suites, several processes side by side, and keeps a record of each. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { prepareCorpus } from "../data/token-cache.ts";
import { readRun, runFileNames } from "../report/run-files.ts";
import { recordOf } from "../report/run-record.ts";
import { type Experiment, experimentHash, smallExperimentOf } from "./experiment.ts";
import type { Records } from "./records.ts";
import { WEIGHTS_FILE } from "./run-folder.ts";
import { missingRuns, type RecipeRuns, runsOf, type Suite } from "./suite.ts";
import type { WorkerMessage, WorkerTask } from "./suite-worker.ts";
import { corpusOptionsOf } from "./task.ts";

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
  /** Told whenever the numbers change. */
  onCount?: (done: number, known: number) => void;
  onProgress?: (experiment: Experiment, progress: Extract<WorkerMessage, { kind: "progress" }>) => void;
  onEnd?: (experiment: Experiment, end: Extract<WorkerMessage, { kind: "end" }>) => void;
}

/**
 * Runs what is not recorded yet; a run that several suites need is made once. Runs that were cut off continue; one that fails is
 * recorded as failed, and the rest goes on.
 * @returns for each suite the runs of every recipe, as far as they are known when it ends or is stopped.
 * @throws before anything runs, when a corpus cannot be read.
 */
export async function runSuites(suites: readonly Suite[], options: RunSuitesOptions): Promise<RecipeRuns[][]> {
  const { records, solo = false, signal, cacheFolder, onPrepare, onCount, onEnd } = options;
  const processes = solo ? 1 : (options.processes ?? availableParallelism());
  /** Runs that ended without leaving anything to record: another attempt would end like that, too. */
  const lost = new Set<string>();
  const isDone = (hash: string) => {
    const record = records.get(hash);
    return lost.has(hash) || (record !== undefined && (record.isSolo || !solo));
  };
  const known = () => suites.map((suite) => runsOf(suite, (hash) => records.get(hash)));
  // Once, so that the processes find them tokenised.
  const corpora = known().map(([{ grid }]) => corpusOptionsOf(grid[0]));
  for (const corpus of new Map(corpora.map((one) => [JSON.stringify(one), one])).values())
    prepareCorpus({ ...corpus, cacheFolder, onProgress: onPrepare });
  const running = new Map<string, Promise<void>>();
  for (;;) {
    const runs = known();
    const missing = missingRuns(runs, isDone);
    const all = missingRuns(runs, () => false).length;
    onCount?.(all - missing.length, all);
    const next = smallModelsFirst(missing, (small) => existsSync(join(folderOf(options.folder, small), WEIGHTS_FILE)));
    const waiting = next.filter((experiment) => {
      const hash = experimentHash(experiment);
      return !running.has(hash) && !lost.has(hash);
    });
    if (!signal?.aborted) {
      for (const experiment of waiting.slice(0, processes - running.size)) {
        const hash = experimentHash(experiment);
        const folder = folderOf(options.folder, experiment);
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

function folderOf(suiteFolder: string, experiment: Experiment): string {
  return join(suiteFolder, `${experiment.name}-seed${experiment.seed}-${experimentHash(experiment)}`);
}

/** Each run whose small model is there, and in place of the others, once, the small models that they need. */
function smallModelsFirst(experiments: readonly Experiment[], isThere: (small: Experiment) => boolean): Experiment[] {
  const ready = experiments.map((experiment) => {
    const small = smallExperimentOf(experiment);
    return small === null || isThere(small) ? experiment : small;
  });
  return [...new Map(ready.map((experiment) => [experimentHash(experiment), experiment])).values()];
}

async function runInProcess(
  experiment: Experiment,
  folder: string,
  options: RunSuitesOptions,
): Promise<Extract<WorkerMessage, { kind: "end" }>> {
  const { signal, cacheFolder, onProgress } = options;
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
  const small = smallExperimentOf(experiment);
  const smallModelFolder = small === null ? undefined : folderOf(options.folder, small);
  child.send({ experiment, folder, cacheFolder, smallModelFolder } satisfies WorkerTask);
  const [code, killedBy] = (await once(child, "exit")) as [number | null, string | null];
  signal?.removeEventListener("abort", stop);
  return end ?? { kind: "end", status: "interrupted", reason: `its process ended with ${killedBy ?? `code ${code}`}` };
}
