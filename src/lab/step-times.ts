/** How long whole training steps take. */

import { type StepRecord, train } from "../apollo/algorithm.ts";
import type { Method } from "../apollo/method.ts";
import { Gpt } from "../nn/index.ts";
import { AdamW } from "../optim/adamw.ts";
import { scratch } from "../recipes/scratch.ts";
import { median } from "../report/statistics.ts";
import { Random } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A GPT and its batch. */
export interface StepSize {
  hidden: number;
  layers: number;
  heads: number;
  context: number;
  batch: number;
  vocabulary: number;
}

export function nameOfSize({ hidden, layers, context, batch, vocabulary }: StepSize): string {
  return `d=${hidden} L=${layers} T=${context} B=${batch} V=${vocabulary}`;
}

export interface StepTimeOptions extends StepSize {
  /** Timed steps, after a tenth as many (at least three) that are not. */
  steps: number;
}

export interface StepTime {
  medianMs: number;
  modelFlops: number;
  /** Model FLOPs over the median time. */
  gflops: number;
}

export interface TrainingStepOptions extends StepSize {
  /** A model of this size; a newly initialised one when absent. */
  model?: Gpt;
}

/**
 * Training steps of a GPT on random tokens, one per iteration, without end.
 * @param planStep what each step executes; every layer once when absent.
 */
export function trainingSteps(
  options: TrainingStepOptions,
  planStep?: Method["planStep"],
): Generator<StepRecord, void, void> {
  const { context, batch, vocabulary, layers, model = new Gpt({ ...options, seed: 1 }) } = options;
  const random = new Random(1);
  const draw = () =>
    Tensor.from(
      Int32Array.from({ length: batch * context }, () => random.integer(vocabulary)),
      [batch, context],
      "i32",
    );
  const straight = scratch({}, { steps: Number.MAX_SAFE_INTEGER, targetDepth: layers });
  return train({
    model,
    method: planStep === undefined ? straight : { ...straight, planStep },
    optimizer: new AdamW(model.parameters()),
    learningRate: () => 1e-4,
    batchAt: () => ({ inputs: draw(), targets: draw() }),
    tokensPerBatch: batch * context,
    seed: 1,
  });
}

/** Steps to make before `steps` are timed: until the engine has compiled and optimised what they run. */
export function warmUpSteps(steps: number): number {
  return Math.max(3, Math.ceil(steps / 10));
}

/** Times whole training steps: forward, backward, clipping, AdamW. */
export function timeSteps({ steps, ...options }: StepTimeOptions): StepTime {
  const training = trainingSteps(options);
  for (let warmUp = warmUpSteps(steps); warmUp > 0; warmUp--) training.next();
  const records = Array.from({ length: steps }, () => training.next().value as StepRecord);
  const medianMs = median(records.map(({ elapsedMs }) => elapsedMs));
  const { modelFlops } = records[0];
  return { medianMs, modelFlops, gflops: modelFlops / medianMs / 1e6 };
}
