/** Makes what is missing of Table 4 in small: several processes side by side, every result kept as it comes. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { checkWritable, makeFolders } from "../io/files.ts";
import { type Experiment, smallExperimentOf } from "../lab/experiment.ts";
import { prepareCorpora } from "../lab/task.ts";
import type { TransferPretraining, TransferRecord } from "../report/transfer-record.ts";
import { inProcess } from "./in-process.ts";
import { PretrainedEncoders } from "./pretrained-encoders.ts";
import { encoderHash, pretrainingOf, type TransferSuite, taskHash, UNTRAINED } from "./transfer.ts";
import { addResult, isMissing, missingTasks, readRecord, transferLabels } from "./transfer-records.ts";
import type { TransferAnswer, TransferJob } from "./transfer-worker.ts";

export interface RunTransferOptions {
  /** Holds the pre-trained encoders. */
  folder: string;
  /** One file per recipe and seed. */
  records: string;
  /** As many as there are cores when absent. */
  processes?: number;
  signal?: AbortSignal;
  cacheFolder?: string;
  onPrepare?: (message: string) => void;
  onBegin?: () => void;
  /** Told of each job that begins, and of how many there are left, itself included. */
  onJob?: (name: string, left: number) => void;
}

/** A piece of work for a process, and what comes of it. */
interface Work {
  name: string;
  job: TransferJob;
  finish(answer: Extract<TransferAnswer, { kind: "done" }>): void;
}

/**
 * Pre-trains Scratch to its end and every other recipe until its smoothed validation loss is the same (methods D.1), or to its end
 * where that is never reached; then tries each encoder on every task, with the seed that it was pre-trained with.
 * @returns why jobs failed, by name.
 * @throws before anything runs, when folders cannot be written or the corpus cannot be read.
 */
export async function runTransfer(suite: TransferSuite, options: RunTransferOptions): Promise<Map<string, string>> {
  const {
    folder,
    records,
    signal,
    processes = availableParallelism(),
    cacheFolder,
    onPrepare,
    onBegin,
    onJob,
  } = options;
  for (const each of [folder, records]) checkWritable(each);
  prepareCorpora([pretrainingOf(suite, suite.recipes[0], 0)], { cacheFolder, onProgress: onPrepare });
  // Before the processes, none of which is then to make it, or to take it away again.
  makeFolders(folder);
  onBegin?.();
  const failed = new Map<string, string>();
  const pretrained = new PretrainedEncoders();
  const running = new Map<string, Promise<void>>();
  for (;;) {
    const work = missingWork(suite, pretrained, options).filter(({ name }) => !failed.has(name));
    const waiting = work.filter(({ name }) => !running.has(name));
    if (!signal?.aborted) {
      for (const { name, job, finish } of waiting.slice(0, processes - running.size)) {
        onJob?.(name, work.length);
        const begun = runJob(job, signal).then((answer) => {
          running.delete(name);
          if (answer.kind === "done") finish(answer);
          if (answer.kind === "failed") failed.set(name, answer.reason);
        });
        running.set(name, begun);
      }
    }
    if (running.size === 0) return failed;
    await Promise.race(running.values());
  }
}

/** What can be done now: nothing that waits for something else. */
function missingWork(suite: TransferSuite, pretrained: PretrainedEncoders, options: RunTransferOptions): Work[] {
  const { folder, records, cacheFolder } = options;
  const work: Work[] = [];
  for (let seed = 0; seed < suite.seeds; seed++) {
    const [target, ...others] = suite.recipes;
    const placeOf = (label: string) => join(folder, `${label}-seed${seed}`);
    const targetEnd = pretrained.endOf(placeOf(target.label));
    const reachable = targetEnd === undefined ? [target] : [target, ...others];
    for (const recipe of reachable) {
      const { label } = recipe;
      const place = placeOf(label);
      const untilLoss = recipe === target ? undefined : targetEnd!.loss;
      const pretraining = pretrained.endOf(place, untilLoss);
      if (pretraining !== undefined) {
        work.push(...tasksOf(suite, { label, seed, place, pretraining }, options));
        continue;
      }
      // Where everything is recorded, the weights are not needed any more.
      const rows = recipe === target ? transferLabels(suite) : [label];
      if (!rows.some((row) => isMissing(suite, records, row, seed))) continue;
      const experiment = pretrainingOf(suite, recipe, seed);
      const small = smallExperimentOf(experiment);
      const smallModelFolder = small === null ? undefined : placeOf(small.name);
      if (smallModelFolder !== undefined && pretrained.endOf(smallModelFolder) === undefined) {
        const isListed = work.some(({ job }) => job.kind === "pre-train" && job.folder === smallModelFolder);
        if (!isListed) work.push(pretrainingWork(small!, { folder: smallModelFolder, cacheFolder }));
      } else work.push(pretrainingWork(experiment, { folder: place, cacheFolder, smallModelFolder, untilLoss }));
    }
    if (targetEnd !== undefined)
      work.push(...tasksOf(suite, { label: UNTRAINED, seed, place: placeOf(target.label) }, options));
  }
  return work;
}

function pretrainingWork(
  experiment: Experiment,
  places: Pick<
    Extract<TransferJob, { kind: "pre-train" }>,
    "folder" | "cacheFolder" | "smallModelFolder" | "untilLoss"
  >,
): Work {
  const name = `pre-training ${experiment.name}, seed ${experiment.seed}`;
  return { name, job: { kind: "pre-train", experiment, ...places }, finish: () => {} };
}

/** The tasks that an encoder has not been tried on. */
function tasksOf(
  suite: TransferSuite,
  encoder: { label: string; seed: number; place: string; pretraining?: TransferPretraining },
  { records }: RunTransferOptions,
): Work[] {
  const { label, seed, place, pretraining } = encoder;
  const read = (): TransferRecord =>
    readRecord(suite, records, label, seed) ?? {
      ...{ schema: 1, label, seed, hash: encoderHash(suite, label, seed), date: "" },
      ...(pretraining && { pretraining }),
      results: [],
    };
  return missingTasks(suite, read()).map((task) => ({
    name: `${label}, seed ${seed}: ${task.name}, ${task.mode}`,
    job: { kind: "task", task, seed, folder: place, isTrained: label !== UNTRAINED },
    finish({ result }) {
      // Another process's result may have come meanwhile.
      addResult(suite, records, read(), { ...result!, hash: taskHash(task) });
    },
  }));
}

async function runJob(job: TransferJob, signal: AbortSignal | undefined): Promise<TransferAnswer> {
  let answer: TransferAnswer | undefined;
  const reason = await inProcess<TransferAnswer>({
    program: "transfer-worker",
    task: job,
    signal,
    onMessage(message) {
      answer = message;
    },
  });
  return answer ?? { kind: "failed", reason };
}
