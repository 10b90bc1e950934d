/** `apollo bench`: what this machine does. */

import { Command, InvalidArgumentError } from "commander";
import { describeMachine } from "../lab/machine.ts";
import { timeSteps } from "../lab/step-times.ts";

const number = (text: string): number => {
  const value = Number(text);
  if (!(Number.isInteger(value) && value > 0))
    throw new InvalidArgumentError(`"${text}" is not a whole number from 1.`);
  return value;
};

interface BenchFlags {
  machine?: boolean;
  hidden: number;
  layers: number;
  heads: number;
  context: number;
  batch: number;
  vocabulary: number;
  steps: number;
}

export function benchCommand(): Command {
  return new Command("bench")
    .description("time a GPT training step on this machine; with --machine only say which kernels serve it")
    .option("--machine", "kernel set, variant, threads, and which kernel set serves which operation")
    .option("--hidden <d>", "hidden size", number, 128)
    .option("--layers <L>", "layers", number, 6)
    .option("--heads <n>", "attention heads", number, 4)
    .option("--context <T>", "tokens in a sequence", number, 64)
    .option("--batch <B>", "sequences", number, 16)
    .option("--vocabulary <V>", "vocabulary", number, 2048)
    .option("--steps <n>", "timed steps", number, 20)
    .action((flags: BenchFlags) => {
      console.log(describeMachine());
      if (flags.machine) return;
      const { medianMs, gflops } = timeSteps(flags);
      console.log(
        `GPT d=${flags.hidden} L=${flags.layers} T=${flags.context} B=${flags.batch} V=${flags.vocabulary}: ${medianMs.toFixed(2)} ms per step (median of ${flags.steps}), ${gflops.toFixed(1)} GFLOP/s`,
      );
    });
}
