/**
 * How much of a sampler's FLOPs saving arrives as time: seconds and FLOPs per step of LVPS, US, ES, FS and growth without
 * sampling at every stage, expected (from the step time of every depth) and measured (from steps with drawn depths).
 */

import { Bench } from "tinybench";
import { depthSampler, SAMPLERS } from "../src/apollo/depth-sampler.ts";
import { layerMap } from "../src/apollo/layer-map.ts";
import { planFromMap } from "../src/apollo/step-plan.ts";
import { describeMachine } from "../src/lab/machine.ts";
import { trainingSteps } from "../src/lab/step-times.ts";
import { Random } from "../src/tensor/random.ts";

const SIZE = { hidden: 64, layers: 12, heads: 4, context: 64, batch: 16, vocabulary: 2048 };
const STAGES = [1, 3, 6];
const DRAWN_STEPS = 60;

interface StepCost {
  ms: number;
  flops: number;
}

async function costOfDepth(uniqueLayers: number, depth: number): Promise<StepCost> {
  const steps = trainingSteps(SIZE, () => planFromMap(layerMap("interp_floor", uniqueLayers, depth)));
  const flops = steps.next().value!.modelFlops;
  const bench = new Bench({ warmupIterations: 2, iterations: 8, time: 200 });
  bench.add("step", () => void steps.next());
  await bench.run();
  const result = bench.tasks[0].result;
  if (!("latency" in result)) throw new Error(`depth ${depth} with N = ${uniqueLayers} was not measured`);
  return { ms: result.latency.p50, flops };
}

/** The mean over steps whose depths a sampler draws. */
function drawnCost(uniqueLayers: number, draw: (uniform: number) => number): StepCost {
  const random = new Random(7);
  const steps = trainingSteps(SIZE, () => planFromMap(layerMap("interp_floor", uniqueLayers, draw(random.uniform()))));
  for (let warmUp = 0; warmUp < 3; warmUp++) steps.next();
  const records = Array.from({ length: DRAWN_STEPS }, () => steps.next().value!);
  const mean = (of: (record: (typeof records)[0]) => number) =>
    records.reduce((total, record) => total + of(record), 0) / DRAWN_STEPS;
  return { ms: mean(({ elapsedMs }) => elapsedMs), flops: mean(({ modelFlops }) => modelFlops) };
}

console.log(describeMachine());
console.log(
  `GPT d=${SIZE.hidden} L=${SIZE.layers} T=${SIZE.context} B=${SIZE.batch} V=${SIZE.vocabulary}; savings against FS in the same stage`,
);
for (const N of STAGES) {
  const costs = new Map<number, StepCost>();
  for (let depth = N; depth <= SIZE.layers; depth++) costs.set(depth, await costOfDepth(N, depth));
  const full = costs.get(SIZE.layers)!;
  console.log(
    `N = ${N}: a step of depth ${N} takes ${costs.get(N)!.ms.toFixed(2)} ms, of depth ${SIZE.layers} ${full.ms.toFixed(2)} ms`,
  );
  for (const name of SAMPLERS) {
    const sampler = depthSampler({ sampler: name });
    const expected = sampler
      .depths(N, SIZE.layers)
      .map(({ depth, probability }) => ({
        ms: probability * costs.get(depth)!.ms,
        flops: probability * costs.get(depth)!.flops,
      }))
      .reduce((a, b) => ({ ms: a.ms + b.ms, flops: a.flops + b.flops }));
    const measured = drawnCost(N, (uniform) => sampler.depthFromUniform(uniform, N, SIZE.layers));
    const saved = (value: number, whole: number) => `${(100 * (1 - value / whole)).toFixed(1)} %`.padStart(7);
    console.log(
      `  ${name.padEnd(5)} expected ${expected.ms.toFixed(2).padStart(6)} ms ${(expected.flops / 1e9).toFixed(2).padStart(6)} GFLOP` +
        `, saved: time ${saved(expected.ms, full.ms)}, FLOPs ${saved(expected.flops, full.flops)}` +
        `; drawn ${measured.ms.toFixed(2).padStart(6)} ms ${(measured.flops / 1e9).toFixed(2).padStart(6)} GFLOP`,
    );
  }
}
