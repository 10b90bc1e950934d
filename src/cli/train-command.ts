/** `apollo train`: one experiment into one folder. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type Experiment, parseExperiment } from "../lab/experiment.ts";
import { run } from "../lab/run.ts";
import {
  addApolloOptions,
  addExperimentOptions,
  type ExperimentFlags,
  experimentFrom,
  RECIPES,
} from "./experiment-options.ts";
import { interruptible } from "./interrupt.ts";
import { ProgressLine } from "./progress-line.ts";

interface TrainFlags extends ExperimentFlags {
  recipe: string;
  experiment?: string;
  out?: string;
  resume?: boolean;
  apolloInfo?: boolean;
}

export function trainCommand(): Command {
  const command = new Command("train")
    .description("train one model, progressively or from scratch, into a folder of its own")
    .addOption(new Option("--recipe <name>", "how to train").choices(RECIPES).default("apollo-lvps"))
    .option("--experiment <file>", "take the whole experiment from a JSON file, such as a run's experiment.json")
    .option("--out <folder>", "where the run goes (runs/<recipe>)")
    .option("--resume", "continue a run that was cut off, to bitwise the same weights")
    .option("--apollo-info", "also write apollo_info.jsonl in the schema of the authors' release");
  addApolloOptions(addExperimentOptions(command)).addHelpText(
    "after",
    `
Examples:
  apollo train                                     Apollo-LVPS, GPT with 12 layers, on the Brown corpus
  apollo train --recipe scratch --steps 2000 --out runs/long
  apollo train --corpus my-texts/ --layers 6 --stages 1,3,6 --boundaries .1,.3
  apollo train --out runs/long --recipe scratch --steps 2000 --resume`,
  );
  return command.action(async (flags: TrainFlags) => {
    const experiment =
      flags.experiment === undefined ? experimentFrom(flags, flags.recipe) : readExperiment(flags.experiment);
    const folder = flags.out ?? join("runs", experiment.name);
    const line = new ProgressLine(experiment.name);
    const header = await interruptible((signal) =>
      run(experiment, {
        folder,
        signal,
        resume: flags.resume,
        apolloInfo: flags.apolloInfo,
        onPrepare: (message) => console.error(message),
        onProgress: (progress) => line.update(progress),
      }),
    ).finally(() => line.stop());
    console.log(
      `${header.status}: ${folder}${header.reason === undefined ? "" : ` (${header.reason}; continue with --resume)`}`,
    );
    if (header.status === "interrupted") process.exitCode = 130;
  });
}

function readExperiment(path: string): Experiment {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`cannot read the experiment ${path}: ${(error as Error).message}`);
  }
  return parseExperiment(content);
}
