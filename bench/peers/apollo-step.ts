/** The step in apollo-ts: `node bench/peers/apollo-step.ts <folder with the start> <seconds>`. */

import { train } from "../../src/apollo/algorithm.ts";
import { Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { engineInfo, engineReady } from "../../src/tensor/engine.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { measureSteps } from "./measurement.ts";
import { readStart } from "./start.ts";

const [folder, seconds] = process.argv.slice(2);
const { size, parameters, inputs, targets } = readStart(folder);
const { batch, context, layers } = size;
const model = new Gpt({ ...size, activation: "gelu" });
model.loadStateDict(parameters);
const tokens = (ids: Int32Array) => Tensor.from(ids, [batch, context], "i32");
const steps = train({
  model,
  method: scratch({}, { steps: Number.MAX_SAFE_INTEGER, targetDepth: layers }),
  optimizer: new AdamW(model.parameters(), { decays: () => true }),
  learningRate: () => 1e-4,
  batchAt: () => ({ inputs: tokens(inputs), targets: tokens(targets) }),
  tokensPerBatch: batch * context,
  seed: 1,
});
await engineReady();
const { variant, threads } = engineInfo();
await measureSteps({
  description: `apollo-ts, ${variant} SIMD, ${threads} threads, Node ${process.versions.node}`,
  seconds: Number(seconds),
  step: () => {
    const { loss, gradNorm } = steps.next().value!;
    return { loss, gradientNorm: gradNorm };
  },
});
