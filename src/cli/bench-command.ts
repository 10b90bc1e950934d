/** `apollo bench`: what this machine does. */

import { Command } from "commander";
import { profileKernels } from "../lab/kernel-profile.ts";
import { describeMachine } from "../lab/machine.ts";
import { refuseTooLarge } from "../lab/memory-estimate.ts";
import { nameOfSize, type StepTimeOptions, timeSteps } from "../lab/step-times.ts";
import { givenOption, parseCount, parseTimedSteps } from "./parse.ts";
import { profileTable } from "./profile-table.ts";

interface BenchFlags extends StepTimeOptions {
  machine?: boolean;
  profile?: boolean;
}

export function benchCommand(): Command {
  return new Command("bench")
    .description("time a GPT training step on this machine; with --machine only say which kernels serve it")
    .option("--machine", "kernel set, variant, threads, and which kernel set serves which operation")
    .option("--profile", "time of every kernel in a step, its share and speed, and what JavaScript takes")
    .option("--hidden <d>", "hidden size", parseCount, 128)
    .option("--layers <L>", "layers", parseCount, 6)
    .option("--heads <n>", "attention heads", parseCount, 4)
    .option("--context <T>", "tokens in a sequence", parseCount, 64)
    .option("--batch <B>", "sequences", parseCount, 16)
    .option("--vocabulary <V>", "vocabulary", parseCount, 2048)
    .option("--steps <n>", "timed steps", parseTimedSteps, 20)
    .action((flags: BenchFlags, command: Command) => {
      if (flags.machine) {
        const given = givenOption(command, (name) => name !== "machine");
        if (given !== null) throw new Error(`${given} means nothing to --machine, which times nothing`);
        console.log(describeMachine());
        return;
      }
      // A model that cannot be is refused before anything is built or told.
      refuseTooLarge({
        model: { family: "gpt", dropout: 0, ...flags },
        training: { batch: flags.batch, microBatches: 1, gradientCheckpointing: false },
      });
      console.log(describeMachine());
      const size = `GPT ${nameOfSize(flags)}`;
      if (flags.profile) {
        console.log(`${size}: a step, the mean over the half of ${flags.steps} that is nearest to their median`);
        console.log(profileTable(profileKernels(flags)));
        return;
      }
      const { medianMs, gflops } = timeSteps(flags);
      console.log(
        `${size}: ${medianMs.toFixed(2)} ms per step (median of ${flags.steps}), ${gflops.toFixed(1)} GFLOP/s`,
      );
    });
}
