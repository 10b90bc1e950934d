/** Prints what two training steps of an experiment, given as JSON, take of the engine's memory. */

import { train } from "../../src/apollo/algorithm.ts";
import type { LayeredModel } from "../../src/apollo/layered-model.ts";
import { parseExperiment } from "../../src/lab/experiment.ts";
import { buildModel } from "../../src/lab/memory-estimate.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const experiment = parseExperiment(JSON.parse(process.argv[2]));
const { layers, context, vocabulary, family } = experiment.model;
const { batch, microBatches, gradientCheckpointing } = experiment.training;
const tokens = batch * context;
const masked = Math.round(0.15 * tokens);
const random = new Random(1);

function draw(count: number, below: number, shape: readonly number[]): Tensor {
  const values = Int32Array.from({ length: count }, () => random.integer(below));
  return Tensor.from(values, shape, "i32");
}

function batchAt() {
  const inputs = draw(tokens, vocabulary, [batch, context]);
  if (family === "gpt") return { inputs, targets: draw(tokens, vocabulary, inputs.shape) };
  return { inputs, positions: draw(masked, tokens, [masked]), targets: draw(masked, vocabulary, [masked]) };
}

const model = buildModel(experiment);
const records = [
  ...train({
    model: model as LayeredModel<unknown>,
    method: scratch({}, { steps: 2, targetDepth: layers }),
    optimizer: new AdamW(model.parameters()),
    learningRate: () => 1e-4,
    batchAt,
    tokensPerBatch: tokens,
    seed: 1,
    microBatches,
    gradientCheckpointing,
  }),
];
const { peakBytes, reservedBytes } = memory;
console.log(
  JSON.stringify({
    parameters: model.parameterCount(),
    losses: records.map(({ loss }) => loss),
    peakBytes,
    reservedBytes,
  }),
);
