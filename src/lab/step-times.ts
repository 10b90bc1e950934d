/** How long whole training steps take. */

import { train } from "../apollo/algorithm.ts";
import type { Method } from "../apollo/method.ts";
import { planFromMap } from "../apollo/step-plan.ts";
import { Gpt } from "../nn/index.ts";
import { AdamW } from "../optim/adamw.ts";
import { scratch } from "../recipes/scratch.ts";
import { median } from "../report/statistics.ts";
import { Random } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";

export interface StepTimeOptions {
  hidden: number;
  layers: number;
  heads: number;
  context: number;
  batch: number;
  vocabulary: number;
  /** Timed steps, after a tenth as many (at least three) that are not. */
  steps: number;
}

export interface StepTime {
  medianMs: number;
  modelFlops: number;
  /** Model FLOPs over the median time. */
  gflops: number;
}

/** Times training steps (forward, backward, clipping, AdamW) of a GPT on random tokens; every layer its own by default. */
export function timeSteps(options: StepTimeOptions, path?: readonly number[]): StepTime {
  const { context, batch, vocabulary, layers, steps } = options;
  const warmUp = Math.max(3, Math.ceil(steps / 10));
  const model = new Gpt({ ...options, seed: 1 });
  const random = new Random(1);
  const draw = () =>
    Tensor.from(
      Int32Array.from({ length: batch * context }, () => random.integer(vocabulary)),
      [batch, context],
      "i32",
    );
  const straight = scratch({}, { steps: warmUp + steps, targetDepth: layers });
  const method: Method = path === undefined ? straight : { ...straight, planStep: () => planFromMap([...path]) };
  const training = train({
    model,
    method,
    optimizer: new AdamW(model.parameters()),
    learningRate: () => 1e-4,
    batchAt: () => ({ inputs: draw(), targets: draw() }),
    tokensPerBatch: batch * context,
    seed: 1,
  });
  const records = [...training].slice(warmUp);
  const medianMs = median(records.map(({ elapsedMs }) => elapsedMs));
  const { modelFlops } = records[0];
  return { medianMs, modelFlops, gflops: modelFlops / medianMs / 1e6 };
}
