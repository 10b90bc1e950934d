/**
 * How many times as fast a training step is on two threads as on one: `node bench/two-threads.ts [--size 3] [--rounds 40]`.
 *
 * Two processes, each as a user would start it, make steps by turns: while one works, the other sleeps. So each keeps its
 * threads, its compiled code and its memory, and both see the same machine. A round is a turn of each, its ratio that of
 * their medians.
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseTimedSteps } from "../src/cli/parse.ts";
import { describeMachine } from "../src/lab/machine.ts";
import { nameOfSize, warmUpSteps } from "../src/lab/step-times.ts";
import { median } from "../src/report/statistics.ts";
import { benchmark, readOptions, sizeOption } from "./arguments.ts";
import { medianAndQuartiles } from "./quartiles.ts";
import { GPT_SIZES } from "./sizes.ts";

/** Steps of a turn; the first, which finds the other process's data in the caches, does not count. */
const STEPS = 4;
/** The size that the bar is about, and the bar. */
const BAR_SIZE = 3;
const BAR = 1.8;

const { size: sizeNumber, rounds } = readOptions<{ size: number; rounds: number }>(
  benchmark("two-threads.ts", "a training step on two threads against one")
    .addOption(sizeOption(BAR_SIZE))
    .option("--rounds <n>", "how often each takes its turn", parseTimedSteps, 40),
);

function start(threads: number): ChildProcess {
  const program = fileURLToPath(new URL("steps-on-request.ts", import.meta.url));
  return fork(program, [String(sizeNumber)], { env: { ...process.env, APOLLO_THREADS: String(threads) } });
}

/** The median milliseconds of a turn. @throws when the process ends instead. */
function turn(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (code: number | null) =>
      reject(new Error(`a process with training steps ended with exit code ${code}`));
    child.once("exit", fail);
    child.once("message", (milliseconds: number[]) => {
      child.off("exit", fail);
      resolve(median(milliseconds.slice(1)));
    });
    child.send(STEPS);
  });
}

console.log(describeMachine());
console.log(`GPT ${nameOfSize(GPT_SIZES[sizeNumber - 1])}, ${rounds} rounds; medians, quartiles in brackets`);
const one = { child: start(1), ms: [] as number[] };
const two = { child: start(2), ms: [] as number[] };
const warmUp = warmUpSteps(rounds);
for (let round = 0; round < warmUp + rounds; round++) {
  // Neither always comes first.
  for (const { child, ms } of round % 2 === 0 ? [one, two] : [two, one]) {
    const taken = await turn(child);
    if (round >= warmUp) ms.push(taken);
  }
}
one.child.disconnect();
two.child.disconnect();

console.log(`one thread   ${medianAndQuartiles(one.ms)} ms`);
console.log(`two threads  ${medianAndQuartiles(two.ms)} ms`);
const wanted = sizeNumber === BAR_SIZE ? `; wanted: ${BAR}` : "";
console.log(`times as fast: ${medianAndQuartiles(one.ms.map((ms, round) => ms / two.ms[round]))}${wanted}`);
