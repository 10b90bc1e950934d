#!/usr/bin/env node
/** The command line. Every error is one sentence and exit code 1. */

import { Command } from "commander";
import pc from "picocolors";
import { benchCommand } from "./bench-command.ts";
import { compareCommand } from "./compare-command.ts";
import { generateCommand } from "./generate-command.ts";
import { planCommand } from "./plan-command.ts";
import { reportCommand } from "./report-command.ts";
import { trainCommand } from "./train-command.ts";

const program = new Command("apollo")
  .description(
    "Progressive training of transformers: a depth is drawn at each step, layers are shared to reach it, and the number of unique layers grows by stages.",
  )
  .addHelpText(
    "after",
    `
Start here:
  apollo compare          train Scratch, Apollo-LVPS and Apollo-FS on the Brown corpus and open runs/compare-gpt/report.html
  apollo plan             what that costs, before it runs
  apollo train --help     every option of a single run`,
  )
  .showHelpAfterError("(add --help for the options)");
for (const command of [
  trainCommand(),
  compareCommand(),
  planCommand(),
  generateCommand(),
  reportCommand(),
  benchCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(pc.red(`apollo: ${(error as Error).message}`));
  if (process.env.APOLLO_DEBUG !== undefined) console.error((error as Error).stack);
  process.exitCode = 1;
}
