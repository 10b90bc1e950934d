/** Begins a run from a small trained model: its weights, an operator that may have to be trained, and what that cost. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { train } from "../apollo/algorithm.ts";
import { checkGrowth } from "../apollo/growth/parameter-axes.ts";
import type { GrowthOperator, SmallModel } from "../apollo/method.ts";
import { countFlops } from "../autograd/index.ts";
import { checkpointState } from "../io/checkpoint.ts";
import { readWhole } from "../io/files.ts";
import { decodeSafetensors } from "../io/safetensors.ts";
import { AdamW } from "../optim/adamw.ts";
import { learningRateSchedule } from "../optim/learning-rate.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { scratch } from "../recipes/scratch.ts";
import { readRun } from "../report/run-files.ts";
import type { RunCosts, RunHeader, RunLog } from "../report/run-log.ts";
import { Random } from "../tensor/random.ts";
import { type Experiment, methodOf } from "./experiment.ts";
import { naming } from "./naming.ts";
import { CHECKPOINT_FILE, TOKENIZER_FILE, WEIGHTS_FILE } from "./run-folder.ts";
import { type Task, trainingInputs } from "./task.ts";

/** What the run's header tells of its beginning. */
export type Beginning = Pick<RunHeader, "smallModel" | "preparation">;

/** What a run's first weights are written into, and the folder of the small model's run. */
export interface BeginningCall {
  task: Task;
  optimizer: Optimizer;
  folder: string;
}

/**
 * Writes the first weights of a task's model from the finished run in `folder`.
 * @throws as {@link readSmallRun} and {@link checkTokenizer}; when the weights do not fit; when the growth operator's training
 *   diverges, saying that it was the operator's.
 */
export function beginFromSmall(experiment: Experiment, { task, optimizer, folder }: BeginningCall): Beginning {
  const small = readSmallModel(experiment, task, folder);
  const method = methodOf(experiment, small.model.size);
  const began = performance.now();
  const { result: operator, flops } = countFlops(() =>
    method.firstWeights!({
      model: task.model,
      small: small.model,
      optimizer,
      random: Random.stream(experiment.seed, "first weights"),
    }),
  );
  const own = { modelFlops: flops.model, layerFlops: flops.model, elapsedMs: performance.now() - began, tokens: 0 };
  const { layers, hidden } = small.model.size;
  const smallModel = { layers, hidden, ...small.costs };
  // What only copies weights costs nothing; what learns from them does, without any text too.
  if (operator === null) return { smallModel, ...(own.modelFlops > 0 && { preparation: own }) };
  const preparation = naming("the growth operator", () => trainOperator(operator, experiment, task));
  operator.apply();
  return { smallModel, preparation };
}

/**
 * The run that an experiment takes its small model from, checked as far as that needs neither text nor weights.
 * @throws naming the folder, when it holds no finished run, or one of another family or context, or of sizes that do not fit.
 */
export function readSmallRun(experiment: Experiment, folder: string): RunLog {
  const { model } = experiment;
  const small = readRun(folder);
  const { status, model: size } = small.header;
  if (status !== "finished")
    throw new Error(`${folder}: a small model must be trained to its end, and this run is ${status}`);
  for (const name of ["family", "context"] as const) {
    if (size[name] !== model[name])
      throw new Error(`${folder}: the small model's ${name} is ${size[name]}, the large one's ${model[name]}`);
  }
  naming(folder, () => {
    // A run tells the vocabulary that its text gave, which may be less than was asked for: the tokenizers will tell.
    checkGrowth({ ...size, vocabulary: model.vocabulary }, model);
    methodOf(experiment, size);
  });
  return small;
}

/** @throws naming the folder, when its run had another tokenizer than this one. */
export function checkTokenizer(folder: string, tokenizerJson: string): void {
  const path = join(folder, TOKENIZER_FILE);
  if (!existsSync(path) || new TextDecoder().decode(readWhole(path)) !== tokenizerJson)
    throw new Error(`${folder}: the small model was trained with another tokenizer`);
}

function readSmallModel(experiment: Experiment, task: Task, folder: string): { model: SmallModel; costs: RunCosts } {
  const { header, evaluations } = readSmallRun(experiment, folder);
  checkTokenizer(folder, task.tokenizerJson);
  const path = join(folder, WEIGHTS_FILE);
  const { tensors } = decodeSafetensors(readWhole(path), path);
  const { modelFlops, layerFlops, elapsedMs, tokens } = evaluations.at(-1)!;
  const state = readState(join(folder, CHECKPOINT_FILE));
  return {
    model: { size: header.model, weights: tensors, ...(state && { state }) },
    costs: { modelFlops, layerFlops, elapsedMs, tokens },
  };
}

/** What the small model's optimizer had come to; null where no checkpoint was kept. */
function readState(path: string): SmallModel["state"] | null {
  return existsSync(path) ? checkpointState(decodeSafetensors(readWhole(path), path), path) : null;
}

/** By the one training loop, on the batches of the run's first steps, which the run then sees again. */
function trainOperator(operator: GrowthOperator, experiment: Experiment, task: Task): RunCosts {
  const { model, steps, weightDecay } = operator;
  const costs = { modelFlops: 0, layerFlops: 0, elapsedMs: 0, tokens: 0 };
  const training = train({
    model,
    method: scratch({}, { steps, targetDepth: model.blocks.length }),
    optimizer: new AdamW(model.parameters(), { weightDecay }),
    learningRate: learningRateSchedule({ kind: "cosine", peak: operator.learningRate, steps }),
    ...trainingInputs(experiment, task),
  });
  for (const step of training) {
    for (const name of Object.keys(costs) as (keyof RunCosts)[]) costs[name] += step[name];
  }
  return costs;
}
