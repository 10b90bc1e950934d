/** The benchmarks' command lines: strict, each with --help; whatever is wrong is one sentence and exit code 1. */

import { Command, InvalidArgumentError, Option } from "commander";
import { parseCountTo, parseList } from "../src/cli/parse.ts";
import { GPT_SIZES } from "./sizes.ts";

export const SIZE_NUMBERS = GPT_SIZES.map((_, index) => index + 1);

/** A benchmark's command line, to be given its options and read. */
export function benchmark(file: string, description: string): Command {
  return new Command(`node bench/${file}`).description(description);
}

/** The values of the options. An argument that is none of them is refused by its name. */
export function readOptions<Options extends object>(command: Command): Options {
  const { args } = command.allowExcessArguments().parse();
  if (args.length > 0) command.error(`error: unknown argument '${args[0]}'`);
  return command.opts<Options>();
}

/** The number of a size. @throws when it does not exist. */
function parseSize(text: string): number {
  const number = SIZE_NUMBERS.find((number) => String(number) === text);
  if (number === undefined)
    throw new InvalidArgumentError(`There is no size "${text}", only 1 to ${GPT_SIZES.length}.`);
  return number;
}

/** Numbers of sizes with commas between them. @throws when one does not exist. */
export const parseSizes = parseList(parseSize);

/** How long something is measured; an hour is enough. */
export const parseMilliseconds = parseCountTo(3_600_000);

/** The option `--size`, of which the number of a GPT comes. */
export function sizeOption(byDefault: number): Option {
  return new Option("--size <number>", `which GPT of sizes.ts, 1 to ${GPT_SIZES.length}`)
    .argParser(parseSize)
    .default(byDefault);
}

// What goes wrong later, such as a variable of the environment that names no kernels, ends a benchmark in the same way.
process.once("uncaughtException", (error) => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
