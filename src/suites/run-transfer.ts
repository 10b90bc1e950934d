/** Makes what is missing of Table 4 in small: several processes side by side, every result kept as it comes. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { checkWritable, makeFolders, readJson, writeWhole } from "../io/files.ts";
import { type Experiment, smallExperimentOf } from "../lab/experiment.ts";
import { readHeader } from "../lab/run-header.ts";
import { firstCrossing, smooth } from "../lab/saving.ts";
import { prepareCorpora } from "../lab/task.ts";
import { readRun } from "../report/run-files.ts";
import type { TransferPretraining, TransferRecord, TransferResult } from "../report/transfer-record.ts";
import { inProcess } from "./in-process.ts";
import { encoderHash, pretrainingOf, type TransferSuite, type TransferTask, taskHash, UNTRAINED } from "./transfer.ts";
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

/** The labels of the rows: every recipe, and the encoder that was never trained. */
export const transferLabels = ({ recipes }: TransferSuite) => [...recipes.map(({ label }) => label), UNTRAINED];

const fileOf = (records: string, label: string, seed: number) => join(records, `${label}-seed${seed}.transfer.json`);

/** The records of a folder that were made with these settings. @throws naming a file that is no record. */
export function readTransfer(suite: TransferSuite, records: string): TransferRecord[] {
  return transferLabels(suite).flatMap((label) =>
    Array.from({ length: suite.seeds }, (_, seed) => readRecord(suite, records, label, seed)).filter(
      (record) => record !== undefined,
    ),
  );
}

function readRecord(suite: TransferSuite, records: string, label: string, seed: number): TransferRecord | undefined {
  const path = fileOf(records, label, seed);
  if (!existsSync(path)) return undefined;
  const record = readJson(path) as TransferRecord | null;
  if (record?.schema !== 1 || !Array.isArray(record.results)) throw new Error(`${path} is no record of transfer`);
  if (record.hash !== encoderHash(suite, label, seed)) return undefined;
  const known = new Set(suite.tasks.map(taskHash));
  return { ...record, results: record.results.filter(({ hash }) => known.has(hash)) };
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
  const pretrained = new Pretrained();
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
function missingWork(suite: TransferSuite, pretrained: Pretrained, options: RunTransferOptions): Work[] {
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

/** Whether a row has results to come for this seed. */
function isMissing(suite: TransferSuite, records: string, label: string, seed: number): boolean {
  const record = readRecord(suite, records, label, seed);
  return record === undefined || missingTasks(suite, record).length > 0;
}

const missingTasks = ({ tasks }: TransferSuite, { results }: TransferRecord): TransferTask[] =>
  tasks.filter((task) => !results.some(({ hash }) => hash === taskHash(task)));

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
      const record = read();
      const all = [...record.results, { ...result!, hash: taskHash(task) }];
      const orderOf = ({ hash }: TransferResult) => suite.tasks.findIndex((one) => taskHash(one) === hash);
      const results = all.sort((a, b) => orderOf(a) - orderOf(b));
      const date = new Date().toISOString().slice(0, 10);
      writeWhole(fileOf(records, label, seed), `${JSON.stringify({ ...record, date, results }, null, 1)}\n`);
    },
  }));
}

/** What the pre-trainings in folders came to; each is read once, when it is over. */
class Pretrained {
  readonly #ended = new Map<string, TransferPretraining>();

  /** Undefined while it has neither come to its end nor, where one is wanted, down to a loss. */
  endOf(folder: string, untilLoss?: number): TransferPretraining | undefined {
    const known = this.#ended.get(folder);
    if (known !== undefined) return known;
    const header = readHeader(folder);
    const isOver = header?.status === "finished" || (header?.status === "interrupted" && untilLoss !== undefined);
    if (!isOver) return undefined;
    const evaluations = smooth(readRun(folder).evaluations);
    const { step, modelFlops, smoothed: loss } = evaluations.at(-1)!;
    if (header.status === "interrupted" && firstCrossing(evaluations, untilLoss!) === null) return undefined;
    const { smallModel, steps: ofSteps } = header;
    const end: TransferPretraining = {
      ...{ steps: step, ofSteps, modelFlops, loss },
      ...(smallModel && { smallModelFlops: smallModel.modelFlops }),
      ...(untilLoss !== undefined && { targetLoss: untilLoss }),
    };
    this.#ended.set(folder, end);
    return end;
  }
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
