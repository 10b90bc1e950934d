/** `apollo plan`: what a run will cost, before it starts. */

import Table from "cli-table3";
import { Command, Option } from "commander";
import { planRun, type RunPlan } from "../lab/plan.ts";
import { addExperimentOptions, type ExperimentFlags, experimentsFrom } from "./experiment-options.ts";
import { addRecipeOptions, RECIPES } from "./recipe-options.ts";

export function planCommand(): Command {
  const command = new Command("plan")
    .description("expected depths, FLOPs, savings and peak memory of a run, without running it")
    .addOption(new Option("--recipe <name>", "how to train").choices(RECIPES).default("apollo-lvps"));
  addRecipeOptions(addExperimentOptions(command)).addHelpText(
    "after",
    `
Layers that a method lets stand still (mslt, lesa, prefixes of bert2bert) are counted as if they learned. What is trained before the
first step (the operator of ligo and mango, the predictors of lesa) counts in a run, but not here; an operator can need a quarter
more memory than is told.

Examples:
  apollo plan
  apollo plan --model gpt-base --batch 1 --steps 100000
  apollo plan --model bert-base --batch 1 --recipe apollo-es`,
  );
  return command.action((flags: ExperimentFlags & { recipe: string }) => {
    const [experiment] = experimentsFrom(flags, [flags.recipe]);
    console.log(planText(experiment.model.layers, planRun(experiment)));
  });
}

function planText(layers: number, { cost, memory, availableBytes, parameters, tokens, smallModel }: RunPlan): string {
  const table = new Table({
    head: ["unique layers N", "steps", `expected depth of ${layers}`, "layer-steps", "TFLOPs with head"],
    style: { head: [], border: [] },
  });
  for (const stage of cost.stages) {
    table.push([
      stage.uniqueLayers,
      stage.steps,
      stage.expectedDepth.toFixed(4),
      stage.executedLayers.toFixed(1),
      tera(stage.modelFlops),
    ]);
  }
  const saved = (ratio: number) => `${(100 * (1 - ratio)).toFixed(2)} %`;
  return [
    table.toString(),
    `parameters        ${parameters.toLocaleString("en")}`,
    `tokens            ${tokens.toLocaleString("en")}`,
    `model FLOPs       ${tera(cost.modelFlops)} TFLOPs; Scratch ${tera(cost.scratchModelFlops)}`,
    `schedule saves    ${saved(cost.modelRatio)} with the head, ${saved(cost.layerRatio)} counting layers only`,
    ...(smallModel === null
      ? []
      : [
          `small model       ${tera(smallModel.modelFlops)} TFLOPs more, in ${smallModel.steps.toLocaleString("en")} steps before`,
        ]),
    `peak memory       about ${mebibytes(memory.totalBytes)} MiB: ${mebibytes(memory.parameterBytes)} for parameters, gradients and moments, ${mebibytes(memory.activationBytes)} for one step at full depth`,
    ...(memory.totalBytes > availableBytes
      ? [
          `does not fit      the engine has ${(availableBytes / 2 ** 30).toFixed(2)} GiB at most; a smaller --batch may help`,
        ]
      : []),
  ].join("\n");
}

const tera = (flops: number) => (flops / 1e12).toPrecision(4);
const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
