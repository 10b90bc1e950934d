/**
 * Times whole training steps of GPTs of several sizes, forward, backward, clipping, AdamW:
 * `node bench/training-step.ts [--sizes 1,3] [--milliseconds 2000]`.
 */

import { Bench } from "tinybench";
import { describeMachine } from "../src/lab/machine.ts";
import { nameOfSize, trainingSteps } from "../src/lab/step-times.ts";
import { benchmark, parseMilliseconds, parseSizes, readOptions, SIZE_NUMBERS } from "./arguments.ts";
import { GPT_SIZES } from "./sizes.ts";

const { sizes, milliseconds } = readOptions<{ sizes: number[]; milliseconds: number }>(
  benchmark("training-step.ts", "times whole training steps of GPTs of several sizes")
    .option("--sizes <numbers>", "which GPTs of sizes.ts, from 1", parseSizes, SIZE_NUMBERS)
    .option("--milliseconds <n>", "about how long each is measured", parseMilliseconds, 2000),
);

console.log(describeMachine());
for (const number of sizes) {
  const size = GPT_SIZES[number - 1];
  const name = nameOfSize(size);
  const steps = trainingSteps(size);
  const first = steps.next().value!;
  const bench = new Bench({ warmupIterations: 3, iterations: 10, time: milliseconds });
  bench.add(name, () => void steps.next());
  await bench.run();
  const result = bench.tasks[0].result;
  if (!("latency" in result)) throw new Error(`${name} was not measured`);
  const ms = result.latency.p50;
  console.log(
    `${name.padEnd(34)} ${ms.toFixed(2).padStart(8)} ms  ${(first.modelFlops / ms / 1e6).toFixed(1).padStart(6)} GFLOP/s`,
  );
}
