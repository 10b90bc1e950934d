/** `apollo generate`: text from a trained GPT. */

import { Command, InvalidArgumentError } from "commander";
import { generateText } from "../lab/generate-text.ts";

interface GenerateFlags {
  prompt: string;
  tokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
  depth?: number;
}

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return value;
};

export function generateCommand(): Command {
  return new Command("generate")
    .description("continue a prompt with a trained GPT, at full depth unless told otherwise")
    .argument("<run>", "the folder of a run")
    .option("--prompt <text>", "the beginning", "The")
    .option("--tokens <n>", "tokens to write", number, 60)
    .option("--temperature <t>", "0 always takes the likeliest token", number, 0.8)
    .option("--top-k <k>", "keep the k likeliest tokens", number)
    .option("--top-p <p>", "keep the likeliest tokens that reach this probability together", number)
    .option("--seed <n>", "of the draws", number, 0)
    .option("--depth <l>", "run this many layers instead of all", number)
    .action((run: string, flags: GenerateFlags) => {
      const pieces = generateText(run, flags);
      // The first piece comes once the run was found and read: a refusal stands alone.
      const first = pieces.next();
      process.stdout.write(flags.prompt + (first.value ?? ""));
      for (const text of pieces) process.stdout.write(text);
      process.stdout.write("\n");
    });
}
