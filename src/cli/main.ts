#!/usr/bin/env node
/** Runs the command line. Every error is one sentence and exit code 1. */

import pc from "picocolors";
import { createProgram } from "./program.ts";

try {
  await createProgram().parseAsync();
} catch (error) {
  console.error(pc.red(`apollo: ${(error as Error).message}`));
  if (process.env.APOLLO_DEBUG !== undefined) console.error((error as Error).stack);
  process.exitCode = 1;
}
