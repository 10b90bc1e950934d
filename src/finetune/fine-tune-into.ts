/** Fine-tunes with several seeds into a folder: the best model in Hugging Face's form, and what all seeds came to. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkWritable, readJson, writeWhole } from "../io/files.ts";
import { checkVacant } from "../lab/model-folder.ts";
import { failureOf, naming } from "../lab/naming.ts";
import { checkSavable, savePretrained } from "../pretrained/index.ts";
import type { LabelledTask } from "../tasks/task.ts";
import {
  checkFineTuning,
  chosenScore,
  defaultLearningRate,
  type FineTuned,
  type FineTuneOptions,
  type FineTuneProgress,
  fineTune,
} from "./fine-tune.ts";
import { headedTask } from "./join-task.ts";
import { labelsOf, loadForTask } from "./load-for-task.ts";

export const FINE_TUNING_FILE = "finetune.json";

export interface FineTuneIntoOptions extends Omit<FineTuneOptions, "learningRate" | "seed"> {
  /** A run's folder, or one in Hugging Face's form. */
  from: string;
  folder: string;
  /** Peak; {@link defaultLearningRate} when absent. */
  learningRate?: number;
  dropout: number;
  /** The head alone learns, on a frozen encoder. */
  probe: boolean;
  seeds: readonly number[];
  /** What the task is read again by, by `evaluate`: its name, or the path of the user's own, and the path of its files; its name when absent. */
  source?: { task: string; data?: string };
  signal?: AbortSignal;
  /** Told when training of a seed begins, and from here on `signal` is heard. */
  onBegin?: (seed: number, told: { sequences: number; hasNewHead: boolean }) => void;
  onProgress?: (seed: number, progress: FineTuneProgress) => void;
}

/** What one seed came to. */
export interface SeedRecord extends FineTuned {
  seed: number;
}

/** What stands in {@link FINE_TUNING_FILE}. */
export interface FineTuningRecord {
  task: string;
  data?: string;
  from: string;
  options: Omit<FineTuneOptions, "seed"> & { dropout: number; probe: boolean };
  /** In the order in which they were trained; of the best the folder holds the model. */
  seeds: SeedRecord[];
}

/**
 * Fine-tunes once per seed. After each, the record is written, and the model where it is the best so far by the task's first metric on
 * its first development set.
 * @returns what was done; fewer seeds, and of the last one fewer epochs, than asked for where `signal` ended it.
 * @throws before anything is trained, when an option is out of its range, when the folder holds a model, or when the model to
 * begin from does not fit or, with a head, cannot be written in Hugging Face's form.
 */
export async function fineTuneInto(task: LabelledTask, options: FineTuneIntoOptions): Promise<FineTuningRecord> {
  const { from, folder, dropout, probe, seeds, signal, onBegin, onProgress, epochs, batch, weightDecay } = options;
  for (const seed of seeds) checkFineTuning({ ...options, seed });
  if (!(dropout >= 0 && dropout < 1)) throw new Error(`fine-tuning: the dropout must be in [0, 1), not ${dropout}`);
  checkVacant(folder);
  checkWritable(folder);
  let record: FineTuningRecord | undefined;
  let best = Number.NEGATIVE_INFINITY;
  for (const seed of seeds) {
    const { model, tokenizer, hasNewHead } = loadForTask(from, task, { dropout, seed });
    // What cannot be written shall not be trained.
    naming(from, () => checkSavable(model));
    model.encoderFrozen = probe;
    const { learningRate = defaultLearningRate(model.encoder.size.hidden) } = options;
    const training = { epochs, batch, learningRate, weightDecay };
    record ??= {
      ...(options.source ?? { task: task.name }),
      from,
      options: { ...training, dropout, probe },
      seeds: [],
    };
    const headed = naming(from, () => headedTask(task, model, tokenizer));
    onBegin?.(seed, { sequences: headed.trainingSequences, hasNewHead });
    const tuned = await fineTune(task, headed, {
      ...training,
      ...{ seed, signal, onProgress: (progress) => onProgress?.(seed, progress) },
    }).catch((error) => {
      throw failureOf(from, error);
    });
    if (tuned === null) break;
    record.seeds.push({ seed, ...tuned });
    const score = chosenScore(task, tuned.best);
    if (record.seeds.length === 1 || score > best) {
      best = score;
      savePretrained(folder, { model, tokenizer, labels: labelsOf(task), problemType: problemTypeOf(task) });
    }
    writeWhole(join(folder, FINE_TUNING_FILE), `${JSON.stringify(record, null, 2)}\n`);
    for (const parameter of model.parameters()) parameter.release();
    if (signal?.aborted) break;
  }
  return record!;
}

/** Hugging Face's name of what a sequence classifier is trained for. */
function problemTypeOf({ kind }: LabelledTask) {
  if (kind === "regression") return "regression";
  return kind === "classification" ? "single_label_classification" : undefined;
}

/** The task that a folder's model was fine-tuned on; undefined where the folder does not say. */
export function fineTunedOn(folder: string): Pick<FineTuningRecord, "task" | "data"> | undefined {
  const path = join(folder, FINE_TUNING_FILE);
  if (!existsSync(path)) return undefined;
  const { task, data } = { ...(readJson(path) as FineTuningRecord | null) };
  if (typeof task !== "string") throw new Error(`${path} names no task`);
  return { task, ...(typeof data === "string" && { data }) };
}
