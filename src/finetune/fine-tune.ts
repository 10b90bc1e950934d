/** Fine-tuning: a pre-trained encoder with a new head learns a task, epoch by epoch, and the best epoch is kept. */

import { setImmediate } from "node:timers/promises";
import { DivergenceError, train } from "../apollo/algorithm.ts";
import type { EncodedBatch } from "../nn/index.ts";
import { AdamW } from "../optim/adamw.ts";
import { learningRateSchedule } from "../optim/learning-rate.ts";
import { scratch } from "../recipes/scratch.ts";
import type { LabelledTask } from "../tasks/task.ts";
import { Random } from "../tensor/random.ts";
import type { HeadedTask, Scores } from "./headed-task.ts";

export interface FineTuneOptions {
  epochs: number;
  /** Sequences in a batch. */
  batch: number;
  /** Peak; it rises for a tenth of the updates and falls linearly to 0 (Devlin et al. 2019, appendix A.3). */
  learningRate: number;
  weightDecay: number;
  /** Of data order and dropout; the head's first weights have the model's seed. */
  seed: number;
}

/** What an epoch ended with. */
export interface EpochRecord {
  /** From 1. */
  epoch: number;
  /** Mean training loss of its updates. */
  loss: number;
  /** Scores on every development set, in the task's order. */
  scores: Scores[];
}

export interface FineTuned {
  epochs: EpochRecord[];
  /** Of these the one whose weights the model now has. */
  best: EpochRecord;
  modelFlops: number;
  /** Of the updates; evaluations are left out. */
  elapsedMs: number;
}

/** What a running fine-tuning tells. */
export interface FineTuneProgress {
  step: number;
  steps: number;
  loss: number;
  /** After an epoch's last update. */
  epoch?: EpochRecord;
}

/** Share of the updates in which the learning rate rises. */
const WARMUP_RATIO = 0.1;
/** How often others get a turn, in milliseconds. */
const BREATH_MS = 50;

/**
 * The peak that is used where none is given and a trained model learns something new: BERT-Base's 5·10⁻⁵ at hidden size 768
 * (Devlin et al. 2019, appendix A.3), and more the narrower the model is; inferred, and tried at hidden size 64 alone, where a
 * short continuation on other text came lower with three times as much.
 */
export const defaultLearningRate = (hidden: number) => 0.0384 / hidden;

/**
 * Trains a headed task through the one training loop, evaluates it after every epoch, and leaves the model with the weights of
 * the epoch whose first metric on the first development set is best; of equal ones the earliest.
 * @returns what was learned; of fewer epochs where `signal` ended it, and null where it did before the end of the first.
 * @throws as {@link checkFineTuning}, when there is nothing to train on, or when training diverges.
 */
export async function fineTune(
  task: Pick<LabelledTask, "name" | "development" | "metrics">,
  headed: HeadedTask,
  options: FineTuneOptions & { signal?: AbortSignal; onProgress?: (progress: FineTuneProgress) => void },
): Promise<FineTuned | null> {
  const { epochs, batch, seed, signal, onProgress } = options;
  const { model, trainingSequences } = headed;
  checkFineTuning(options);
  if (trainingSequences === 0) throw new Error(`${task.name}: there is nothing to train on`);
  const stepsPerEpoch = Math.ceil(trainingSequences / batch);
  const steps = epochs * stepsPerEpoch;
  const orders = new Map<number, Int32Array>();
  const orderOf = (epoch: number) => {
    let order = orders.get(epoch);
    if (order === undefined)
      orders.set(epoch, (order = Random.stream(seed, `fine-tuning, epoch ${epoch}`).permutation(trainingSequences)));
    return order;
  };
  const training = train<EncodedBatch>({
    model,
    method: scratch({}, { steps, targetDepth: model.blocks.length }),
    optimizer: new AdamW(model.trainedParameters(), { weightDecay: options.weightDecay }),
    learningRate: learningRateSchedule({
      kind: "linear",
      peak: options.learningRate,
      steps,
      warmupRatio: WARMUP_RATIO,
    }),
    batchAt: (step) => {
      const first = (step % stepsPerEpoch) * batch;
      return headed.batchOf([...orderOf(Math.floor(step / stepsPerEpoch)).subarray(first, first + batch)]);
    },
    tokensPerBatch: batch * model.encoder.size.context,
    seed,
  });
  const records: EpochRecord[] = [];
  let best: EpochRecord | undefined;
  let bestWeights = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  let loss = 0;
  const costs = { modelFlops: 0, elapsedMs: 0 };
  let breathed = performance.now();
  for (const record of training) {
    const done = record.step + 1;
    loss += record.loss / stepsPerEpoch;
    costs.modelFlops += record.modelFlops;
    costs.elapsedMs += record.elapsedMs;
    let epoch: EpochRecord | undefined;
    if (done % stepsPerEpoch === 0) {
      epoch = {
        epoch: done / stepsPerEpoch,
        loss,
        scores: scoresAfter(done / stepsPerEpoch, task, headed),
      };
      records.push(epoch);
      loss = 0;
      if (best === undefined || chosenScore(task, epoch) > chosenScore(task, best)) {
        best = epoch;
        bestWeights = model.stateDict();
      }
    }
    onProgress?.({ step: done, steps, loss: record.loss, epoch });
    if (performance.now() - breathed > BREATH_MS) {
      await setImmediate();
      breathed = performance.now();
    }
    if (signal?.aborted) break;
  }
  if (best === undefined) return null;
  model.loadStateDict(bestWeights);
  return { epochs: records, best, ...costs };
}

/** Scores on every development set. @throws {@link DivergenceError} when the outputs are not numbers any more. */
function scoresAfter(epoch: number, { development }: Pick<LabelledTask, "development">, headed: HeadedTask): Scores[] {
  try {
    return development.map((_, set) => headed.evaluate(set).scores);
  } catch (error) {
    // Updates were finite until here, so that training has spoilt what it had.
    throw new DivergenceError(
      `training stopped after epoch ${epoch}: ${(error as Error).message}; a lower learning rate may help`,
    );
  }
}

/** @throws naming the first option that is out of its range, and its value. */
export function checkFineTuning(options: Omit<FineTuneOptions, "learningRate"> & { learningRate?: number }): void {
  const { epochs, batch, learningRate = 0, weightDecay, seed } = options;
  const fail = (what: string, value: number) => {
    throw new Error(`fine-tuning: ${what}, not ${value}`);
  };
  for (const [name, value] of Object.entries({ epochs, batch }))
    if (!(Number.isSafeInteger(value) && value >= 1)) fail(`${name} must be a whole number from 1`, value);
  for (const [name, value] of [
    ["learning rate", learningRate],
    ["weight decay", weightDecay],
  ] as const)
    if (!(Number.isFinite(value) && value >= 0)) fail(`the ${name} must be a finite number from 0`, value);
  if (!Number.isSafeInteger(seed)) fail("the seed must be a whole number that is exact", seed);
}

/** What epochs and seeds are compared by; a score that does not exist is worse than any. */
export function chosenScore({ metrics }: Pick<LabelledTask, "metrics">, { scores }: EpochRecord): number {
  const score = scores[0][metrics[0]] ?? Number.NaN;
  return Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score;
}
