/** `apollo analyse`: the paper's analyses of growth, each as numbers and a picture. */

import { join } from "node:path";
import { Command } from "commander";
import { analyseExpansion, analyseGrowth, analyseStreams } from "../lab/analyse.ts";
import { writeAnalysis, writePaperSchedules, writeStreams } from "../lab/analysis-files.ts";
import { paperSchedules } from "../lab/paper-schedules.ts";
import type { Analysis, MeanAndDeviation } from "../report/model-statistics.ts";
import { depthsTable, ratiosTable } from "../report/paper-schedules.ts";
import { streamTable } from "../report/stream-profile.ts";
import { addExperimentOptions, type ExperimentFlags, experimentsFrom } from "./experiment-options.ts";
import { addRecipeOptions, RECIPES } from "./recipe-options.ts";
import { textOf } from "./text-table.ts";

export function analyseCommand(): Command {
  return new Command("analyse")
    .description("what growth and training do to a model, and what the paper's schedules cost")
    .addCommand(expansionCommand())
    .addCommand(growthCommand())
    .addCommand(streamsCommand())
    .addCommand(schedulesCommand());
}

function expansionCommand(): Command {
  return new Command("expansion")
    .description("Table 2 and Figure 5: a finished run's model made twice as deep in four ways")
    .argument("<run>", "folder of a finished run")
    .option("--out <folder>", "where expansion.json and expansion.svg go (the run's folder)")
    .addHelpText(
      "after",
      `
Example:
  apollo train --recipe scratch --layers 6 --steps 1250 --batch 8 --out runs/half
  apollo analyse expansion runs/half`,
    )
    .action(async (run: string, { out = run }: { out?: string }) => {
      await tell("expansion", analyseExpansion(run, { onProgress: (message) => console.error(message) }), out);
    });
}

const MAPS = ["stack", "interp_floor"] as const;
const SAMPLED = RECIPES.filter((name) => name.startsWith("apollo-"));

function growthCommand(): Command {
  const command = new Command("growth")
    .description(`Table 3: Apollo trained up to its last growth, measured before and after, with ${MAPS.join(" and ")}`)
    .option("--recipe <name>", SAMPLED.join(", "), "apollo-lvps")
    .option("--out <folder>", "where growth.json and growth.svg go", join("runs", "growth"));
  // Both maps are compared.
  return addRecipeOptions(addExperimentOptions(command), { recipes: SAMPLED, except: ["map"] }).action(
    async ({ recipe, out, ...flags }: ExperimentFlags & { recipe: string; out: string }) => {
      const [experiment] = experimentsFrom(flags as ExperimentFlags, [recipe]);
      await tell("growth", analyseGrowth(experiment, MAPS, { onProgress: (message) => console.error(message) }), out);
    },
  );
}

function streamsCommand(): Command {
  return new Command("streams")
    .description("what attention and feed-forward add to the residual stream, layer by layer, in trained models")
    .argument("<runs...>", "folders of finished runs")
    .option("--out <folder>", "where streams.json and streams.svg go", join("runs", "streams"))
    .addHelpText(
      "after",
      `
Example:
  apollo compare --suite quick --out runs/quick
  apollo analyse streams runs/quick/scratch-* runs/quick/apollo-*`,
    )
    .action(async (runs: string[], { out }: { out: string }) => {
      const profiles = analyseStreams(runs, { onProgress: (message) => console.error(message) });
      const files = await writeStreams(out, profiles);
      console.log(textOf(streamTable(profiles)));
      console.log(`numbers: ${files.numbers}   picture: ${files.picture}`);
    });
}

function schedulesCommand(): Command {
  return new Command("schedules")
    .description("the paper's schedules at its sizes, without a run: expected depths and FLOPs beside Scratch")
    .option("--out <folder>", "where schedules.json and schedules.svg go", join("runs", "schedules"))
    .action(async ({ out }: { out: string }) => {
      const schedules = paperSchedules();
      const files = await writePaperSchedules(out, schedules);
      console.log(`Expected depth of a step\n${textOf(depthsTable(schedules))}`);
      for (const model of schedules.models) {
        const masked = model.maskedHeadInLayers;
        const head = `head ${model.headInLayers.toFixed(3)} layers${masked === undefined ? "" : `, ${masked.toFixed(3)} on the masked positions`}`;
        console.log(
          `${model.name}, ${model.schedule}, ${head}: FLOPs over those of Scratch\n${textOf(ratiosTable(model))}`,
        );
      }
      console.log(`numbers: ${files.numbers}   picture: ${files.picture}`);
    });
}

async function tell(name: string, analysis: Analysis, folder: string): Promise<void> {
  const files = await writeAnalysis(folder, name, analysis);
  const table = {
    rowHead: "model",
    columns: ["loss", "|g|, ×10⁻³", "‖g‖ of tensors, ×10⁻³", "mean", "std", "kurtosis", "distance"].map((head) => ({
      head,
    })),
    rows: analysis.models.map(({ label, loss, gradientElements, gradientNorms, activations, distance }) => {
      const { mean, deviation, kurtosis } = activations;
      return {
        label,
        cells: [
          ...[loss.toFixed(4), thousandths(gradientElements), thousandths(gradientNorms)],
          ...[mean.toFixed(3), deviation.toFixed(3), kurtosis.toFixed(2), distance.toFixed(4)],
        ],
      };
    }),
  };
  console.log(`${analysis.title}\n${analysis.setup}\n${textOf(table)}`);
  for (const note of analysis.notes) console.log(note);
  console.log(`numbers: ${files.numbers}   picture: ${files.picture}`);
}

function thousandths({ mean, deviation }: MeanAndDeviation): string {
  return `${(1000 * mean).toFixed(3)} ± ${(1000 * deviation).toFixed(3)}`;
}
