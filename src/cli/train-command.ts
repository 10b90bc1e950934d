/** `apollo train`: one experiment into one folder. */

import { join } from "node:path";
import { Command, Option } from "commander";
import { type Experiment, readExperiment } from "../lab/experiment.ts";
import { run } from "../lab/run.ts";
import { addExperimentOptions, type ExperimentFlags, experimentsFrom, MODEL_OPTIONS } from "./experiment-options.ts";
import { interruptible } from "./interrupt.ts";
import { givenOption } from "./parse.ts";
import { ProgressLine } from "./progress-line.ts";
import { addRecipeOptions, RECIPES } from "./recipe-options.ts";

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
    .option(
      "--from <folder>",
      "begin with the weights and the tokenizer of a run, or of a model in Hugging Face's form; the recipe is then scratch, the largest learning rate 0.0384 / hidden size, the dropout the model's, unless they are given",
    )
    .option("--experiment <file>", "take the whole experiment from a JSON file, such as a run's experiment.json")
    .option("--out <folder>", "where the run goes (runs/<recipe>, runs/continued)")
    .option("--resume", "continue a run that was cut off, to bitwise the same weights")
    .option("--apollo-info", "also write apollo_info.jsonl in the schema of the authors' release");
  addRecipeOptions(addExperimentOptions(command)).addHelpText(
    "after",
    `
Examples:
  apollo train                                     Apollo-LVPS, GPT with 12 layers, on the Brown corpus
  apollo train --recipe scratch --steps 2000 --out runs/long
  apollo train --corpus my-texts/ --layers 6 --stages 1,3,6 --boundaries .1,.3
  apollo train --out runs/long --recipe scratch --steps 2000 --resume
  apollo train --from runs/long --corpus my-texts/ --steps 500 --out runs/continued
  apollo train --from models/gpt2 --corpus my-texts/ --context 128 --batch 1 --steps 200`,
  );
  return command.action(async (flags: TrainFlags) => {
    const experiment = experimentOf(flags, command);
    const folder = flags.out ?? join("runs", experiment.name);
    const line = new ProgressLine(experiment.name);
    const header = await interruptible((signal, listen) =>
      run(experiment, {
        folder,
        signal,
        resume: flags.resume,
        apolloInfo: flags.apolloInfo,
        onBegin: listen,
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

/** Options that say nothing of the experiment itself. */
const BESIDE_EXPERIMENT = ["experiment", "out", "resume", "apolloInfo"];

/** The experiment of the file, if there is one, or else of the options. @throws when both describe it. */
function experimentOf(flags: TrainFlags, command: Command): Experiment {
  if (flags.experiment === undefined) {
    if (flags.from === undefined) return experimentsFrom(flags, [flags.recipe])[0];
    const size = givenOption(command, (name) => MODEL_OPTIONS.includes(name));
    if (size !== null) throw new Error(`${size} cannot stand beside --from: the model is that of ${flags.from}`);
    const isChosen = command.getOptionValueSource("recipe") === "cli";
    return experimentsFrom(flags, [isChosen ? flags.recipe : "scratch"])[0];
  }
  const given = givenOption(command, (name) => !BESIDE_EXPERIMENT.includes(name));
  if (given !== null)
    throw new Error(`${given} cannot stand beside --experiment: ${flags.experiment} holds the whole experiment`);
  return readExperiment(flags.experiment);
}
