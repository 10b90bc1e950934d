/** `apollo compare`: several recipes on the same data, seeds and budget, and a report. */

import { join } from "node:path";
import { Command, Option } from "commander";
import { COMPARISON_FILE, compare, REPORT_FILE } from "../lab/compare.ts";
import { compareBySuite, SUITE_NAMES, type SuiteFlags } from "./compare-suite.ts";
import { comparisonTable } from "./comparison-table.ts";
import { addExperimentOptions, type ExperimentFlags, experimentsFrom } from "./experiment-options.ts";
import { interruptible } from "./interrupt.ts";
import { givenOption, parseCount } from "./parse.ts";
import { ProgressLine } from "./progress-line.ts";
import { addRecipeOptions, RECIPES } from "./recipe-options.ts";

interface CompareFlags extends ExperimentFlags, Omit<SuiteFlags, "suite"> {
  recipes: string[];
  suite?: string;
  resume: boolean;
}

/** Options that a suite has, with which no other may stand. */
const BESIDE_SUITE = ["suite", "seeds", "processes", "solo", "records", "reportOnly", "out"];

const DEFAULT_RECIPES = ["scratch", "apollo-lvps", "apollo-fs"];

export function compareCommand(): Command {
  const command = new Command("compare")
    .description("train several recipes on the same data and write one report of what they saved")
    .addOption(
      new Option("--recipes <list>", `comma-separated: ${RECIPES.join(", ")}`)
        .argParser((text) => text.split(",").map((name) => name.trim()))
        .default(DEFAULT_RECIPES, DEFAULT_RECIPES.join(",")),
    )
    .option("--out <folder>", "where the runs and the report go (runs/compare-<model>, runs/<suite>)")
    .option("--no-resume", "refuse to continue runs that were cut off")
    .option("--suite <name>", `instead, recipes × learning rates × seeds: ${SUITE_NAMES.join(", ")}`)
    .option("--seeds <n>", "of a suite", parseCount)
    .option("--processes <n>", "runs of a suite side by side, each on one thread (one per core)", parseCount)
    .option("--solo", "one run of a suite at a time, so that its seconds are the clock's")
    .option("--records <folder>", "a suite's records: what stands there is not run again (<out>/records)")
    .option("--report-only", "of a suite: what is recorded, and no further run");
  addRecipeOptions(addExperimentOptions(command)).addHelpText(
    "after",
    `
Runs follow one another, each with all cores. Finished ones are kept: the same command again only writes the report.

Examples:
  apollo compare                                   Scratch, Apollo-LVPS and Apollo-FS: GPT, 12 layers, Brown corpus
  apollo compare --model bert
  apollo compare --recipes scratch,apollo-lvps,apollo-none --steps 3000 --out runs/long
  apollo compare --suite quick                     every recipe of the paper's tables, small and short, with two seeds`,
  );
  return command.action(async (flags: CompareFlags) => {
    if (flags.suite !== undefined) {
      const given = givenOption(command, (name) => !BESIDE_SUITE.includes(name));
      if (given !== null) throw new Error(`${given} cannot stand beside --suite ${flags.suite}, which fixes it`);
      return compareBySuite({ ...flags, suite: flags.suite });
    }
    const alone = givenOption(command, (name) => name !== "out" && BESIDE_SUITE.includes(name));
    if (alone !== null) throw new Error(`${alone} means nothing without --suite`);
    const experiments = experimentsFrom(flags, flags.recipes);
    const folder = flags.out ?? join("runs", `compare-${flags.model}`);
    let current: { name: string; line: ProgressLine } | null = null;
    const comparison = await interruptible(async (signal, listen) => {
      const result = await compare(experiments, {
        folder,
        signal,
        resume: flags.resume,
        onBegin: listen,
        onPrepare: (message) => console.error(message),
        onProgress: ({ name }, progress) => {
          // A run follows its small model without a word.
          if (current?.name !== name) {
            current?.line.stop();
            current = { name, line: new ProgressLine(name) };
          }
          current.line.update(progress);
        },
        onFinished: ({ name }, status) => {
          current?.line.stop();
          current = null;
          console.error(`${name}: ${status}`);
          if (status.startsWith("failed")) process.exitCode = 1;
        },
      });
      if (signal.aborted) process.exitCode = 130;
      return result;
    });
    console.log(comparisonTable(comparison));
    console.log(`report: ${join(folder, REPORT_FILE)}   numbers: ${join(folder, COMPARISON_FILE)}`);
    const begun = new Set(comparison.runs.map(({ log }) => log.header.name));
    const waiting = experiments.filter(({ name }) => !begun.has(name)).map(({ name }) => name);
    if (process.exitCode === 130)
      console.log(
        `interrupted: the same command continues${waiting.length === 0 ? "" : `; not begun yet: ${waiting.join(", ")}`}`,
      );
  });
}
