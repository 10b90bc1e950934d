/** What stands on the command line: numbers, and which options were given. */

import { type Command, InvalidArgumentError } from "commander";

// By itself Number() would also take "0x1", " 1" and "", which nobody means by a number here.
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WHOLE = /^[+-]?\d+$/;

/** A decimal number, such as a learning rate: 3e-4 is one. @throws when the text is none. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (!DECIMAL.test(text) || !Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return value;
}

/** @throws when the text is not a whole number in digits, or one too large to be exact. */
export function parseWhole(text: string): number {
  const value = Number(text);
  if (!WHOLE.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError(`"${text}" is not a whole number.`);
  return value;
}

/** @throws when the text is not a whole number from 1. */
export const parseCount = parseCountTo(Number.MAX_SAFE_INTEGER);

/** Reads whole numbers from 1 to `most`, and refuses everything else. */
export function parseCountTo(most: number): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? "from 1" : `from 1 to ${most}`;
  return (text) => {
    const value = Number(text);
    if (!WHOLE.test(text) || value < 1 || value > most)
      throw new InvalidArgumentError(`"${text}" is not a whole number ${range}.`);
    return value;
  };
}

/** Reads a number of timed steps or rounds: more tell nothing more, and each is remembered until the end. */
export const parseTimedSteps = parseCountTo(100_000);

/** Reads what lies between commas, each part as `parse` does. */
export function parseList(parse: (text: string) => number): (text: string) => number[] {
  // Not by `map(parse)`: a part's index is nothing to parse.
  return (text) => text.split(",").map((part) => parse(part));
}

/** The first option that was given, as `--its-name`, among those whose names are `wanted`; null where there is none. */
export function givenOption(command: Command, wanted: (name: string) => boolean): string | null {
  const given = command.options.find((option) => {
    const name = option.attributeName();
    return command.getOptionValueSource(name) === "cli" && wanted(name);
  });
  return given?.long ?? null;
}
