#!/usr/bin/env node
/** Runs the command line. Every error is one sentence and exit code 1. */

import pc from "picocolors";
import { createProgram } from "./program.ts";

// Whoever reads the output wants no more of it, as `head` does: the exit code is that of programs which end by SIGPIPE.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(141);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  console.error(pc.red(`apollo: ${(error as Error).message}`));
  if (process.env.APOLLO_DEBUG !== undefined) console.error((error as Error).stack);
  process.exitCode = 1;
}
