/** The command line as a tree of commands. */

import { Command } from "commander";
import { analyseCommand } from "./analyse-command.ts";
import { benchCommand } from "./bench-command.ts";
import { compareCommand } from "./compare-command.ts";
import { evaluateCommand } from "./evaluate-command.ts";
import { exportCommand } from "./export-command.ts";
import { fillMaskCommand } from "./fill-mask-command.ts";
import { finetuneCommand } from "./finetune-command.ts";
import { generateCommand } from "./generate-command.ts";
import { planCommand } from "./plan-command.ts";
import { reportCommand } from "./report-command.ts";
import { trainCommand } from "./train-command.ts";
import { transferCommand } from "./transfer-command.ts";

/** Every command, not run yet. */
export function createProgram(): Command {
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
    fillMaskCommand(),
    exportCommand(),
    finetuneCommand(),
    evaluateCommand(),
    transferCommand(),
    reportCommand(),
    analyseCommand(),
    benchCommand(),
  ]) {
    program.addCommand(command.copyInheritedSettings(program).allowExcessArguments());
  }
  // commander itself only counts them.
  program.hook("preAction", (_, command) => {
    const { args, registeredArguments } = command;
    const extra = args[registeredArguments.length];
    if (extra !== undefined && !registeredArguments.at(-1)?.variadic)
      command.error(`error: unknown argument '${extra}'`);
  });
  return program;
}
