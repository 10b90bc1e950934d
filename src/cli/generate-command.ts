/** `apollo generate`: text from a trained GPT. */

import { Command } from "commander";
import { generateText } from "../lab/generate-text.ts";
import { givenOption, parseCount, parseNumber, parseWhole } from "./parse.ts";

interface GenerateFlags {
  prompt: string;
  tokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
  depth?: number;
  stop?: string[];
}

/** Options that say how a token is drawn. */
const DRAWING = ["topK", "topP", "seed"];

/** What an option has been given so far, and what it is given now. */
const collect = (text: string, before: string[] = []): string[] => [...before, text];

export function generateCommand(): Command {
  return new Command("generate")
    .description("continue a prompt with a trained GPT, at full depth unless told otherwise")
    .argument("<model>", "the folder of a run, finished or cut off, or of a model in Hugging Face's form")
    .option("--prompt <text>", "the beginning", "The")
    .option("--tokens <n>", "tokens to write", parseCount, 60)
    .option("--temperature <t>", "0 always takes the likeliest token", parseNumber, 0.8)
    .option("--top-k <k>", "keep the k likeliest tokens", parseCount)
    .option("--top-p <p>", "keep the likeliest tokens that reach this probability together", parseNumber)
    .option("--seed <n>", "of the draws", parseWhole, 0)
    .option(
      "--depth <l>",
      "run this many layers instead of all: shared by the recipe's map where more than are trained so far",
      parseWhole,
    )
    .option("--stop <text>", "end before this text; with several --stop, before the first of them", collect)
    .action((run: string, flags: GenerateFlags, command: Command) => {
      const given = givenOption(command, (name) => DRAWING.includes(name));
      if (flags.temperature === 0 && given !== null)
        throw new Error(`${given} means nothing at --temperature 0, which always takes the likeliest token`);
      const pieces = generateText(run, flags);
      // The first piece comes once the run was found and read: a refusal stands alone.
      const first = pieces.next();
      process.stdout.write(flags.prompt + (first.value ?? ""));
      for (const text of pieces) process.stdout.write(text);
      process.stdout.write("\n");
    });
}
