/** Times whole training steps of GPTs of several sizes: forward, backward, clipping, AdamW. */

import { Bench } from "tinybench";
import { describeMachine } from "../src/lab/machine.ts";
import { trainingSteps } from "../src/lab/step-times.ts";

const SIZES = [
  { hidden: 64, layers: 4, heads: 4, context: 32, batch: 8, vocabulary: 256 },
  { hidden: 64, layers: 12, heads: 4, context: 64, batch: 16, vocabulary: 2048 },
  { hidden: 128, layers: 6, heads: 4, context: 64, batch: 16, vocabulary: 2048 },
  { hidden: 128, layers: 12, heads: 4, context: 128, batch: 16, vocabulary: 4096 },
  { hidden: 256, layers: 6, heads: 8, context: 128, batch: 8, vocabulary: 8192 },
];

console.log(describeMachine());
for (const size of SIZES) {
  const { hidden, layers, context, batch, vocabulary } = size;
  const name = `d=${hidden} L=${layers} T=${context} B=${batch} V=${vocabulary}`;
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
