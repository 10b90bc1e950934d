/**
 * What a token takes that a GPT writes, here and in PyTorch: `node bench/peers/generation.ts [--model gpt-base] [--tokens 30]
 * [--rounds 5]`.
 *
 * The same weights and prompt, kept keys and values in both, the likeliest token each time. By turns, one of both waits while
 * the other writes; a round's ratio is that of the medians of its turns. PyTorch runs with one and with two threads.
 * Both must write the same, or there is no figure.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseTimedSteps } from "../../src/cli/parse.ts";
import { presetModel } from "../../src/lab/experiment.ts";
import { describeMachine } from "../../src/lab/machine.ts";
import { Gpt } from "../../src/nn/index.ts";
import { median } from "../../src/report/statistics.ts";
import { engineReady } from "../../src/tensor/engine.ts";
import { benchmark, readOptions } from "../arguments.ts";
import { medianAndQuartiles } from "../quartiles.ts";
import { randomPrompt, type TokenTimes, timeTokens } from "../token-times.ts";
import { CLEARED_VARIABLES, pythonWithTorch } from "./participants.ts";
import { writeStart } from "./start.ts";

const PROMPT = 16;
const THREADS = [1, 2];

const {
  model: preset,
  tokens: count,
  rounds,
} = readOptions<{ model: string; tokens: number; rounds: number }>(
  benchmark("peers/generation.ts", "milliseconds for a token that a GPT writes, here and in PyTorch")
    .option("--model <preset>", "of a GPT", "gpt-base")
    .option("--tokens <n>", "timed tokens of a turn", parseTimedSteps, 30)
    .option("--rounds <n>", "turns of each", parseTimedSteps, 5),
);
const python = pythonWithTorch();
if (python === null) throw new Error("PyTorch is not installed: apt-get install -y python3-torch libopenblas0-pthread");
const size = presetModel(preset);
const model = new Gpt(size);
const prompt = randomPrompt(PROMPT, size.vocabulary);
const folder = mkdtempSync(join(tmpdir(), "generation-"));
try {
  writeStart(folder, {
    size: { ...size, batch: 1 },
    parameters: model.stateDict(),
    // Of what follows the prompt nothing is read.
    inputs: Int32Array.from({ length: size.context }, (_, place) => prompt[place] ?? 0),
    targets: new Int32Array(size.context),
  });
  await engineReady();
  console.log(describeMachine());
  const own = () => timeTokens(model, prompt, { count });
  own();
  const times: number[] = [];
  const theirs = THREADS.map((threads) => ({ threads, ratios: [] as number[], times: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    const { milliseconds, tokens } = own();
    times.push(median(milliseconds));
    for (const { threads, ratios, times: other } of theirs) {
      const peer = inPytorch(python, threads);
      if (peer.tokens.join() !== tokens.join())
        throw new Error(`PyTorch wrote the tokens ${peer.tokens.join(" ")}, apollo-ts ${tokens.join(" ")}`);
      other.push(median(peer.milliseconds));
      ratios.push(other.at(-1)! / times.at(-1)!);
    }
  }
  console.log(`${preset}, a token after ${PROMPT} others, ${rounds} rounds; medians, quartiles in brackets`);
  console.log(`apollo-ts: ${medianAndQuartiles(times)} ms`);
  for (const { threads, ratios, times: other } of theirs)
    console.log(
      `PyTorch, ${threads} thread${threads === 1 ? "" : "s"}: ${medianAndQuartiles(other)} ms, ${medianAndQuartiles(ratios)} times as long`,
    );
} finally {
  rmSync(folder, { recursive: true });
}

function inPytorch(program: string, threads: number): TokenTimes {
  const inherited = Object.entries(process.env).filter(([name]) => !CLEARED_VARIABLES.test(name));
  const script = fileURLToPath(new URL("pytorch-generation.py", import.meta.url));
  const { status, stdout, stderr } = spawnSync(program, [script, folder, `${PROMPT}`, `${count}`], {
    encoding: "utf8",
    env: {
      ...Object.fromEntries(inherited),
      OMP_NUM_THREADS: `${threads}`,
      OPENBLAS_NUM_THREADS: `${threads}`,
    },
  });
  if (status !== 0) throw new Error(`PyTorch: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout);
}
