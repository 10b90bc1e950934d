/** `apollo export`: a run's model in the form of Hugging Face's files. */

import { Command } from "commander";
import { exportRun } from "../lab/export-run.ts";

export function exportCommand(): Command {
  return new Command("export")
    .description("write the model of a run, finished or cut off, as files that Hugging Face's programs read")
    .argument("<run>", "the folder of a run, finished or cut off")
    .requiredOption("--out <folder>", "where config.json, model.safetensors and the tokenizer's files go")
    .action((run: string, { out }: { out: string }) => {
      const { className, layers, parameters, updates } = exportRun(run, { out });
      const size = `${layers} layers, ${parameters.toLocaleString("en")} parameters, ${updates} updates`;
      console.log(`${out}: ${className}, ${size}`);
    });
}
