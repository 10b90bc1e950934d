/**
 * What the first stage of growth makes of its layers, here and in PyTorch: `node bench/peers/first-stage.ts [--layers 1]
 * [--seeds 3] [--learning-rates 2e-3,4e-3,8e-3]`.
 *
 * The runs of `apollo compare --suite paper-gpt` that grow without sampling, up to their first growth: 250 of 5,000 steps, first
 * weights, batches and learning rates the same in both. Told are the sizes of what attention and feed-forward of the first layer
 * add, over that of the stream they add it to, as `apollo analyse streams` tells them. Where PyTorch is not installed, its
 * columns stay empty.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { train } from "../../src/apollo/algorithm.ts";
import { blockPlace } from "../../src/apollo/growth/parameter-axes.ts";
import { sharedPath } from "../../src/apollo/shared-layers.ts";
import { straightPlan } from "../../src/apollo/step-plan.ts";
import { parseCount, parseList, parseNumber } from "../../src/cli/parse.ts";
import { textOf } from "../../src/cli/text-table.ts";
import { type Experiment, methodOf, parseExperiment } from "../../src/lab/experiment.ts";
import { describeMachine } from "../../src/lab/machine.ts";
import { profileStream } from "../../src/lab/stream-profile.ts";
import { prepareTask, type Task, trainingOptions } from "../../src/lab/task.ts";
import type { CausalBatch } from "../../src/nn/index.ts";
import { SUITES } from "../../src/suites/named-suites.ts";
import { runsOf } from "../../src/suites/suite.ts";
import { scope } from "../../src/tensor/scope.ts";
import { benchmark, readOptions } from "../arguments.ts";
import { pythonWithTorch } from "./participants.ts";
import { type Start, writeStart } from "./start.ts";

/** What the first layer's parts add, as shares of the stream. */
interface Branches {
  attention: number;
  feedForward: number;
}

/** Validation batches that both look at. */
const VALIDATION_BATCHES = 8;

const { layers, seeds, learningRates } = readOptions<{ layers: number; seeds: number; learningRates: number[] }>(
  benchmark("peers/first-stage.ts", "what the first stage of growth makes of its layers, here and in PyTorch")
    .option("--layers <N>", "unique layers of the stage", parseCount, 1)
    .option("--seeds <n>", "runs of each learning rate", parseCount, 3)
    .option("--learning-rates <list>", "the peaks", parseList(parseNumber), [2e-3, 4e-3, 8e-3]),
);
const python = pythonWithTorch();
const template = runsOf(SUITES["paper-gpt"], () => undefined).find(({ label }) => label === "apollo-none")!.grid[0];
const [{ endStep: steps }] = methodOf(template).stages;

console.log(describeMachine());
const rows = learningRates.flatMap((peak) =>
  Array.from({ length: seeds }, (_, seed) => {
    const { own, theirs } = compare(peak, seed);
    const cells = [own, theirs].flatMap((branches) =>
      branches === null ? ["–", "–"] : [branches.attention.toFixed(2), branches.feedForward.toFixed(2)],
    );
    console.error(`learning rate ${peak}, seed ${seed}: ${cells.join("  ")}`);
    return { label: `${peak}, seed ${seed}`, cells };
  }),
);
console.log(
  textOf({
    rowHead: "learning rate",
    columns: ["attention", "feed-forward", "PyTorch’s attention", "feed-forward"].map((head) => ({ head })),
    rows,
  }),
);

function compare(peak: number, seed: number): { own: Branches; theirs: Branches | null } {
  const experiment = parseExperiment({
    ...template,
    recipe: {
      ...{ kind: "apollo", stages: [layers, template.model.layers], boundaries: [steps / template.training.steps] },
      depth: { sampler: "none" },
    },
    training: { ...template.training, learningRate: { ...template.training.learningRate, peak } },
    seed,
  });
  const task = prepareTask(experiment);
  const training = trainingOptions(experiment, task, { method: methodOf(experiment) });
  // Before training changes the weights.
  const theirs = python === null ? null : trainInPytorch(python, experiment, task, training.learningRate);
  for (const { step } of train(training)) if (step + 1 === steps) break;
  const { model } = task;
  const validation = task.validation.slice(0, VALIDATION_BATCHES);
  const [own] = profileStream({ model, validation }, sharedPath(model.blocks, straightPlan(layers)));
  return { own, theirs };
}

function trainInPytorch(
  program: string,
  experiment: Experiment,
  task: Task,
  learningRate: (step: number) => number,
): Branches {
  const folder = mkdtempSync(join(tmpdir(), "first-stage-"));
  try {
    writeStart(folder, startOf(experiment, task));
    const rates = Array.from({ length: steps }, (_, step) => learningRate(step));
    const { batch, weightDecay, clipNorm } = experiment.training;
    const options = JSON.stringify({ rates, batch, weightDecay, clipNorm });
    const script = fileURLToPath(new URL("pytorch-first-stage.py", import.meta.url));
    const { status, stdout, stderr } = spawnSync(program, [script, folder, options], { encoding: "utf8" });
    if (status !== 0) throw new Error(`PyTorch: ${stderr.trim().split("\n").at(-1)}`);
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** First weights of the stage's layers; the training batches, and below them those that are looked at in the end. */
function startOf({ model }: Experiment, task: Task): Start {
  const parameters = [...task.model.namedParameters()].filter(([name]) => (blockPlace(name)?.layer ?? 0) < layers);
  const batches = [
    ...Array.from({ length: steps }, (_, step) => () => task.batchAt(step, 0) as CausalBatch),
    ...task.validation.slice(0, VALIDATION_BATCHES).map((make) => () => make().batch as CausalBatch),
  ].map((make) =>
    scope(() => {
      const { inputs, targets } = make();
      return { inputs: Int32Array.from(inputs.indices), targets: Int32Array.from(targets.indices) };
    }),
  );
  const joined = (arrays: readonly Int32Array[]) => Int32Array.from(arrays.flatMap((array) => [...array]));
  const inputs = joined(batches.map((batch) => batch.inputs));
  return {
    size: { ...model, layers, vocabulary: task.vocabularySize, batch: inputs.length / model.context },
    parameters: new Map(
      parameters.map(([name, { shape, numbers }]) => [name, { shape, values: Float32Array.from(numbers) }]),
    ),
    inputs,
    targets: joined(batches.map((batch) => batch.targets)),
  };
}
