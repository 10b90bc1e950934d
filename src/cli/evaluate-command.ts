/** `apollo evaluate`: a fine-tuned model's scores. */

import { Command } from "commander";
import { kindOfPath } from "../data/files.ts";
import { evaluateOn, writePredictions } from "../finetune/evaluate-on.ts";
import { fineTunedOn } from "../finetune/fine-tune-into.ts";
import type { Evaluated } from "../finetune/headed-task.ts";
import { checkReplaceable } from "../io/files.ts";
import { readTask } from "../tasks/named-tasks.ts";
import { percentText, scoresText } from "./scores-text.ts";

interface EvaluateFlags {
  task?: string;
  data?: string;
  predictions?: string;
}

export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description("measure a fine-tuned model on the development side of its task")
    .argument("<model>", "the folder that finetune wrote, or another model with a head in Hugging Face's form")
    .option("--task <name>", "as for finetune; the one that the model was fine-tuned on when absent")
    .option("--data <folder>", "the files of a task that is not embedded; those of the fine-tuning when absent")
    .option("--predictions <file>", "write what was predicted for each example, separated by tabs")
    .action((folder: string, flags: EvaluateFlags) => {
      if (kindOfPath(folder) !== "folder") throw new Error(`there is no folder ${folder}`);
      const known = flags.task === undefined ? fineTunedOn(folder) : undefined;
      const name = flags.task ?? known?.task;
      if (name === undefined) throw new Error(`${folder} does not say what it was fine-tuned on: give --task`);
      // Not first after a long evaluation.
      if (flags.predictions !== undefined) checkReplaceable(flags.predictions);
      const task = readTask(name, { data: flags.data ?? known?.data });
      const results = evaluateOn(folder, task);
      for (const { set, examples, evaluated } of results) {
        console.log(`${task.name}, ${set}: ${scoresText(evaluated.scores)} (${examples} examples)`);
        if (evaluated.spans !== undefined) console.log(spansText(evaluated.spans));
      }
      if (flags.predictions !== undefined) {
        writePredictions(flags.predictions, results);
        console.log(`predictions: ${flags.predictions}`);
      }
    });
}

/** Both kinds of questions apart, and the best no-answer thresholds. */
function spansText({ answerable, unanswerable, best }: NonNullable<Evaluated["spans"]>): string {
  const side = (name: string, scores: typeof answerable) =>
    scores && `${name}: exact match ${percentText(scores.exactMatch)}, F1 ${percentText(scores.f1)} (${scores.total})`;
  const at = (name: string, { value, threshold }: (typeof best)["f1"]) =>
    `best ${name} ${percentText(value)} at a no-answer threshold of ${threshold.toFixed(3)}`;
  return [
    side("with an answer", answerable),
    side("without", unanswerable),
    `${at("exact match", best.exactMatch)}; ${at("F1", best.f1)}`,
  ]
    .filter((line) => line !== undefined)
    .map((line) => `  ${line}`)
    .join("\n");
}
