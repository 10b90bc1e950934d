/**
 * Whether saturated softmaxes and GELUs make training steps slower: `node bench/saturation.ts [--pairs 40]`.
 *
 * An exponential far below the largest of its row is a subnormal number, and so are products with it; arithmetic on those
 * takes a processor a hundred cycles. The kernels make none (see `NEGLIGIBLE` in src/tensor/assembly/lanes.ts), so that a
 * saturated step should take as long as one of a new model. The two take turns; the ratio is the median over the pairs.
 */

import { parseTimedSteps } from "../src/cli/parse.ts";
import { describeMachine } from "../src/lab/machine.ts";
import { nameOfSize, trainingSteps, warmUpSteps } from "../src/lab/step-times.ts";
import { Gpt } from "../src/nn/index.ts";
import { benchmark, readOptions } from "./arguments.ts";
import { medianAndQuartiles } from "./quartiles.ts";
import { saturate } from "./saturate.ts";
import { GPT_SIZES } from "./sizes.ts";

const { pairs } = readOptions<{ pairs: number }>(
  benchmark("saturation.ts", "steps of a saturated model against those of a new one").option(
    "--pairs <n>",
    "timed steps of each",
    parseTimedSteps,
    40,
  ),
);
const size = GPT_SIZES[2];
const saturated = new Gpt({ ...size, seed: 1 });
saturate(saturated);
const kinds = [
  { name: "as initialised", steps: trainingSteps(size), times: [] as number[] },
  { name: "saturated", steps: trainingSteps({ ...size, model: saturated }), times: [] as number[] },
];

const warmUp = warmUpSteps(pairs);
for (let pair = 0; pair < warmUp + pairs; pair++) {
  // Neither kind always comes first.
  for (const { steps, times } of pair % 2 === 0 ? kinds : kinds.toReversed()) {
    const { elapsedMs } = steps.next().value!;
    if (pair >= warmUp) times.push(elapsedMs);
  }
}

console.log(describeMachine());
console.log(nameOfSize(size));
for (const { name, times } of kinds) console.log(`${name.padEnd(16)}${medianAndQuartiles(times)} ms`);
const [plain, saturatedTimes] = kinds.map(({ times }) => times);
const ratios = saturatedTimes.map((ms, pair) => ms / plain[pair]);
console.log(`saturated steps take ${medianAndQuartiles(ratios, 3)} times as long; wanted: 1`);
