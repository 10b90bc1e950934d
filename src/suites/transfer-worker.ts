/** One encoder in a process of its own, for run-transfer.ts: pre-trained, or tried on a task. */

import { fineTune } from "../finetune/fine-tune.ts";
import { headModelFor } from "../finetune/head-model.ts";
import { headedTask } from "../finetune/join-task.ts";
import { loadForTask } from "../finetune/load-for-task.ts";
import type { Experiment } from "../lab/experiment.ts";
import { run } from "../lab/run.ts";
import type { TransferResult } from "../report/transfer-record.ts";
import { readTask } from "../tasks/named-tasks.ts";
import type { LabelledTask } from "../tasks/task.ts";
import type { TransferTask } from "./transfer.ts";

/** What the process is sent once; a second message, or the end of whoever sent it, stops the work. */
export type TransferJob =
  | {
      kind: "pre-train";
      experiment: Experiment;
      folder: string;
      cacheFolder?: string;
      smallModelFolder?: string;
      untilLoss?: number;
    }
  | {
      kind: "task";
      task: TransferTask;
      seed: number;
      /** Of the pre-trained encoder; also where an untrained one has its size and tokenizer from. */
      folder: string;
      isTrained: boolean;
    };

/** What it answers. */
export type TransferAnswer =
  | { kind: "done"; result?: Omit<TransferResult, "hash"> }
  | { kind: "stopped" }
  | { kind: "failed"; reason: string };

const controller = new AbortController();

process.once("message", async (job: TransferJob) => {
  process.once("message", () => controller.abort());
  let answer: TransferAnswer;
  try {
    answer = job.kind === "pre-train" ? await pretrain(job) : await tryTask(job);
  } catch (error) {
    answer = { kind: "failed", reason: (error as Error).message };
  }
  if (process.connected) process.send!(answer);
  process.disconnect?.();
});
process.on("disconnect", () => controller.abort());
// Ctrl-C reaches every process of a terminal; whoever sent the job hears it too, and asks for the end.
process.on("SIGINT", () => {});

async function pretrain({
  experiment,
  ...options
}: Extract<TransferJob, { kind: "pre-train" }>): Promise<TransferAnswer> {
  await run(experiment, { ...options, resume: true, signal: controller.signal });
  return controller.signal.aborted ? { kind: "stopped" } : { kind: "done" };
}

async function tryTask({
  task: wanted,
  seed,
  folder,
  isTrained,
}: Extract<TransferJob, { kind: "task" }>): Promise<TransferAnswer> {
  const { name, examples, mode, training } = wanted;
  const whole = readTask(name);
  const task = { ...whole, train: whole.train.slice(0, examples) } as LabelledTask;
  const loaded = loadForTask(folder, task, { dropout: training.dropout, seed });
  const { size } = loaded.model.encoder;
  const model = isTrained ? loaded.model : headModelFor(task, { ...size, dropout: training.dropout, seed });
  model.encoderFrozen = mode === "probe";
  const tuned = await fineTune(task, headedTask(task, model, loaded.tokenizer), {
    ...training,
    ...{ seed, signal: controller.signal },
  });
  if (tuned === null || controller.signal.aborted) return { kind: "stopped" };
  const { scores, epoch } = tuned.best;
  return { kind: "done", result: { task: name, mode, scores: scores[0] as Record<string, number>, epoch } };
}
