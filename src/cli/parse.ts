/** What stands on the command line: numbers, and which options were given. */

import { type Command, InvalidArgumentError } from "commander";

/** @throws when the text is not a finite number. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return value;
}

/** @throws when the text is not a whole number from 1. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!(Number.isSafeInteger(value) && value >= 1))
    throw new InvalidArgumentError(`"${text}" is not a whole number from 1.`);
  return value;
}

/** Numbers with commas between them. @throws when one is none. */
export function parseList(text: string): number[] {
  return text.split(",").map(parseNumber);
}

/** The first option that was given, as `--its-name`, among those whose names are `wanted`; null where there is none. */
export function givenOption(command: Command, wanted: (name: string) => boolean): string | null {
  const given = command.options.find((option) => {
    const name = option.attributeName();
    return command.getOptionValueSource(name) === "cli" && wanted(name);
  });
  return given?.long ?? null;
}
