/**
 * What a token takes that a GPT writes: `node bench/generation.ts [--model gpt-base] [--tokens 20]`.
 *
 * With kept keys and values the weights are read once for each token, as fast as the memory gives them, and little else is done; the
 * GB/s tell how fast that is. Without, the whole text is computed again for each: beside it for the shorter prompt.
 */

import { parseTimedSteps } from "../src/cli/parse.ts";
import { presetModel } from "../src/lab/experiment.ts";
import { describeMachine } from "../src/lab/machine.ts";
import { Gpt } from "../src/nn/index.ts";
import { median } from "../src/report/statistics.ts";
import { engineReady } from "../src/tensor/engine.ts";
import { benchmark, readOptions } from "./arguments.ts";
import { medianAndQuartiles } from "./quartiles.ts";
import { randomPrompt, timeTokens } from "./token-times.ts";

const PROMPT = 16;

const { model: preset, tokens } = readOptions<{ model: string; tokens: number }>(
  benchmark("generation.ts", "milliseconds for a token that a GPT writes")
    .option("--model <preset>", "of a GPT", "gpt-base")
    .option("--tokens <n>", "timed tokens of each kind", parseTimedSteps, 20),
);
const size = presetModel(preset);
const model = new Gpt(size);
const bytes = 4 * model.parameterCount();
const timesAfter = (length: number, cache: boolean) =>
  timeTokens(model, randomPrompt(length, size.vocabulary), { count: tokens, cache }).milliseconds;

await engineReady();
console.log(describeMachine());
console.log(`${preset}: ${model.parameterCount().toLocaleString("en")} parameters, ${(bytes / 1e9).toFixed(2)} GB`);
timesAfter(PROMPT, true);
const late = Math.max(PROMPT, size.context - tokens - 1);
for (const [prompt, cache] of [
  [PROMPT, true],
  [late, true],
  [PROMPT, false],
] as const) {
  const times = timesAfter(prompt, cache);
  const rate = cache ? `, ${(bytes / 1e6 / median(times)).toFixed(1)} GB/s` : "";
  console.log(
    `after ${`${prompt}`.padStart(4)} tokens, ${cache ? "kept" : "anew"}: ${medianAndQuartiles(times)} ms${rate}`,
  );
}
