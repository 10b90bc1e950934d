/** Times whole training steps of GPTs of several sizes: forward, backward, clipping, AdamW. */

import { Bench } from "tinybench";
import { describeMachine } from "../src/lab/machine.ts";
import { nameOfSize, trainingSteps } from "../src/lab/step-times.ts";
import { GPT_SIZES } from "./sizes.ts";

console.log(describeMachine());
for (const size of GPT_SIZES) {
  const name = nameOfSize(size);
  const steps = trainingSteps(size);
  const first = steps.next().value!;
  const bench = new Bench({ warmupIterations: 3, iterations: 10, time: 2000 });
  bench.add(name, () => void steps.next());
  await bench.run();
  const result = bench.tasks[0].result;
  if (!("latency" in result)) throw new Error(`${name} was not measured`);
  const ms = result.latency.p50;
  console.log(
    `${name.padEnd(34)} ${ms.toFixed(2).padStart(8)} ms  ${(first.modelFlops / ms / 1e6).toFixed(1).padStart(6)} GFLOP/s`,
  );
}
