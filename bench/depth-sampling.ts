/**
 * How much of a sampler's FLOPs saving arrives as time: `node bench/depth-sampling.ts [--size 4] [--rounds 10]`.
 *
 * For every stage, steps of all depths take turns, so that all see the same machine. From their median times follow the
 * expected milliseconds and FLOPs per step of LVPS, US, ES, FS and growth without sampling, and what each saves against
 * FS. "Drawn" are steps whose depths the sampler draws one after the other, each beside a step of full depth.
 */

import { depthSampler, SAMPLERS } from "../src/apollo/depth-sampler.ts";
import { layerMap } from "../src/apollo/layer-map.ts";
import { planFromMap } from "../src/apollo/step-plan.ts";
import { parseTimedSteps } from "../src/cli/parse.ts";
import { describeMachine } from "../src/lab/machine.ts";
import { nameOfSize, trainingSteps, warmUpSteps } from "../src/lab/step-times.ts";
import { median } from "../src/report/statistics.ts";
import { Random } from "../src/tensor/random.ts";
import { benchmark, readOptions, sizeOption } from "./arguments.ts";
import { GPT_SIZES } from "./sizes.ts";

const STAGES = [1, 3, 6];

/** What LVPS should save of time for what it saves of FLOPs, and the size of which that is wanted. */
const BAR = 0.95;
const BAR_SIZE = 4;

const { size: sizeNumber, rounds } = readOptions<{ size: number; rounds: number }>(
  benchmark("depth-sampling.ts", "how much of a sampler's saving arrives as time")
    .addOption(sizeOption(BAR_SIZE))
    .option("--rounds <n>", "timed steps of every depth", parseTimedSteps, 10),
);
const size = GPT_SIZES[sizeNumber - 1];
const L = size.layers;

interface StepCost {
  ms: number;
  flops: number;
}

const sum = (costs: readonly StepCost[]) => costs.reduce((a, b) => ({ ms: a.ms + b.ms, flops: a.flops + b.flops }));
const times = ({ ms, flops }: StepCost, factor: number) => ({ ms: ms * factor, flops: flops * factor });

/** What is saved of time and of FLOPs, and the first as a share of the second. */
function describeSavings(cost: StepCost, full: StepCost): string {
  const time = 1 - cost.ms / full.ms;
  const flops = 1 - cost.flops / full.flops;
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`.padStart(7);
  return `time ${percent(time)}, FLOPs ${percent(flops)}${flops > 0 ? `, ratio ${(time / flops).toFixed(3)}` : ""}`;
}

console.log(describeMachine());
console.log(`GPT ${nameOfSize(size)}, ${rounds} rounds; saved against FS in the same stage`);
if (sizeNumber === BAR_SIZE) console.log(`wanted of LVPS: a ratio of ${BAR} in every stage`);
for (const N of STAGES.filter((stage) => stage < L)) {
  let nextDepth = L;
  const steps = trainingSteps(size, () => planFromMap(layerMap("interp_floor", N, nextDepth)));
  const step = (depth: number): StepCost => {
    nextDepth = depth;
    const { elapsedMs, modelFlops } = steps.next().value!;
    return { ms: elapsedMs, flops: modelFlops };
  };
  const depths = Array.from({ length: L - N + 1 }, (_, index) => N + index);
  const measured = new Map(depths.map((depth) => [depth, [] as StepCost[]]));
  const warmUp = warmUpSteps(rounds);
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const depth of round % 2 === 0 ? depths : depths.toReversed()) {
      const cost = step(depth);
      if (round >= warmUp) measured.get(depth)!.push(cost);
    }
  }
  const costOf = (depth: number): StepCost => {
    const costs = measured.get(depth)!;
    return { ms: median(costs.map(({ ms }) => ms)), flops: costs[0].flops };
  };
  const full = costOf(L);
  console.log(
    `N = ${N}: a step of depth ${N} takes ${costOf(N).ms.toFixed(2)} ms, of depth ${L} ${full.ms.toFixed(2)} ms`,
  );
  for (const name of SAMPLERS) {
    const sampler = depthSampler({ sampler: name });
    const expected = sum(sampler.depths(N, L).map(({ depth, probability }) => times(costOf(depth), probability)));
    const random = new Random(7);
    const drawn: StepCost[] = [];
    const beside: StepCost[] = [];
    for (let draw = 0; draw < 2 * rounds; draw++) {
      drawn.push(step(sampler.depthFromUniform(random.uniform(), N, L)));
      beside.push(step(L));
    }
    console.log(
      `  ${name.padEnd(5)}${expected.ms.toFixed(2).padStart(8)} ms ${(expected.flops / 1e9).toFixed(2).padStart(6)} GFLOP` +
        `, saved: ${describeSavings(expected, full)}; drawn: ${describeSavings(sum(drawn), sum(beside))}`,
    );
  }
}
