/** Trains a small GPT in a fresh memory; prints the bytes in use after each step, and what was reserved in the end. */

import { train } from "../../src/apollo/algorithm.ts";
import { Gpt, type GptOptions } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { type ApolloOptions, apollo } from "../../src/recipes/apollo.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const ROWS = 8;

const { size, steps, ...options } = JSON.parse(process.argv[2]) as ApolloOptions & { size: GptOptions; steps: number };

function batchAt(step: number) {
  const random = Random.stream(7, `batch ${step}`);
  const ids = () =>
    Tensor.from(
      Int32Array.from({ length: ROWS * size.context }, () => random.integer(size.vocabulary)),
      [ROWS, size.context],
      "i32",
    );
  return { inputs: ids(), targets: ids() };
}

const model = new Gpt({ ...size, dropout: 0.1 });
const afterSteps = [];
for (const { uniqueLayers, depth } of train({
  model,
  method: apollo(options, { steps, targetDepth: size.layers }),
  optimizer: new AdamW(model.parameters()),
  learningRate: () => 1e-3,
  batchAt,
  tokensPerBatch: ROWS * size.context,
  seed: 2,
})) {
  afterSteps.push({ uniqueLayers, depth, liveBytes: memory.liveBytes });
}
console.log(JSON.stringify({ afterSteps, reservedBytes: memory.reservedBytes, peakBytes: memory.peakBytes }));
