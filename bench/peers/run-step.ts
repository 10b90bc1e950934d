/** Runs one participant once, in a process of its own, so that it has the machine to itself. */

import { spawn } from "node:child_process";
import type { Measurement } from "./measurement.ts";
import { CLEARED_VARIABLES, type Setting } from "./participants.ts";

export interface RunOptions {
  /** The folder with the start. */
  folder: string;
  /** About how long it measures. */
  seconds: number;
  /** After how long it is given up, start and compilation included. */
  limitSeconds: number;
}

/** @throws when the process fails, prints no measurement or takes too long. */
export async function runStep(setting: Setting, { folder, seconds, limitSeconds }: RunOptions): Promise<Measurement> {
  const [program, ...options] = setting.command;
  const inherited = Object.entries(process.env).filter(([name]) => !CLEARED_VARIABLES.test(name));
  const child = spawn(program, [...options, folder, String(seconds), ...(setting.flags ?? [])], {
    env: { ...Object.fromEntries(inherited), ...setting.environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitSeconds * 1000,
    killSignal: "SIGKILL",
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (part) => (output += part));
  child.stderr.on("data", (part) => (errors += part));
  const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  // Only the limit kills it from here: the system's own signals, such as for want of memory, are told as what they are.
  if (child.killed) throw new Error(`not even three timed steps within ${limitSeconds} s`);
  const line = output.split("\n").find((line) => line.startsWith("{"));
  if (code !== 0 || line === undefined) {
    const end = signal === null ? `exit code ${code}` : `signal ${signal}`;
    const reason = errors.split("\n").findLast((line) => /error/i.test(line)) ?? "it ended without a measurement";
    throw new Error(`${reason.trim()} (${end})`);
  }
  return JSON.parse(line);
}

/** The most by which losses and gradient norms of the same step may differ: orders of summation differ between frameworks. */
const TOLERANCE = 1e-3;
const COMPARED_STEPS = 4;

/**
 * Whether two processes did the same training: the first losses and the first gradient norm agree, and the loss falls.
 * @returns what is wrong, or null.
 */
export function differenceInTraining(own: Measurement, other: Measurement): string | null {
  const differs = (a: number, b: number) => !(Math.abs(a - b) <= TOLERANCE * Math.abs(b));
  for (let step = 0; step < COMPARED_STEPS; step++) {
    const [loss, expected] = [own.losses[step], other.losses[step]];
    if (differs(loss, expected)) return `its loss at step ${step} is ${loss}, not ${expected}`;
  }
  if (differs(own.gradientNorm, other.gradientNorm))
    return `its first gradient norm is ${own.gradientNorm}, not ${other.gradientNorm}`;
  if (!(own.losses[COMPARED_STEPS - 1] < own.losses[0])) return "its loss does not fall";
  return null;
}
