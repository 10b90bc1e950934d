/** What a run tells of itself: its model, method, stages, machine and state. */

import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { DescribedMethod } from "../apollo/method.ts";
import { readWhole } from "../io/files.ts";
import { runFileNames } from "../report/run-files.ts";
import { parseHeader, type RunHeader, type RunRuntime, type RunStage } from "../report/run-log.ts";
import { engineInfo } from "../tensor/engine.ts";
import type { Experiment } from "./experiment.ts";
import { codeRevision } from "./revision.ts";
import type { Task } from "./task.ts";

/** The header of the run in a folder, null where there is none. @throws naming the file, when it is damaged. */
export function readHeader(folder: string): RunHeader | null {
  const path = join(folder, runFileNames.header);
  return existsSync(path) ? parseHeader(new TextDecoder().decode(readWhole(path)), path) : null;
}

/** @param before the run that this one continues. */
export function describeRun(
  experiment: Experiment,
  method: DescribedMethod,
  task: Task,
  before: RunHeader | null,
): RunHeader {
  const { model, training, seed, name } = experiment;
  const { family, layers, hidden, heads, context } = model;
  return {
    schema: 1,
    name,
    recipe: method.name,
    model: {
      family,
      layers,
      hidden,
      heads,
      context,
      vocabulary: task.vocabularySize,
      parameters: task.model.parameterCount(),
    },
    steps: training.steps,
    batch: training.batch * training.microBatches,
    seed,
    trainTokens: task.trainTokens,
    unigramLoss: task.unigramLoss,
    stages: describeStages(method),
    ...(before?.smallModel && { smallModel: before.smallModel }),
    ...(before?.preparation && { preparation: before.preparation }),
    ...runtimes(before),
    revisions: [...new Set([...(before?.revisions ?? []), codeRevision()])],
    status: "running",
  };
}

/** Where the run began, and where else it went on, this time included. */
function runtimes(before: RunHeader | null): Pick<RunHeader, "runtime" | "continuedOn"> {
  const now = describeRuntime();
  if (before === null) return { runtime: now };
  const { runtime, continuedOn = [] } = before;
  const isNew = JSON.stringify(continuedOn.at(-1) ?? runtime) !== JSON.stringify(now);
  const later = isNew ? [...continuedOn, now] : continuedOn;
  return { runtime, ...(later.length > 0 && { continuedOn: later }) };
}

export function describeRuntime(): RunRuntime {
  const { kernels, variant, threads } = engineInfo();
  return {
    node: process.version,
    kernels: variant === null ? kernels : `${kernels} ${variant}`,
    threads,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
  };
}

/** One sentence when a run went on with kernels that round otherwise than those it began with, else null. */
export function differenceOfKernels({ runtime, continuedOn = [] }: RunHeader): string | null {
  // Both fuse multiplication and addition, and give the same bits; so do any numbers of threads.
  const rounding = (kernels: string) => kernels.replace("relaxed", "wide");
  const other = continuedOn.find(({ kernels }) => rounding(kernels) !== rounding(runtime.kernels));
  if (other === undefined) return null;
  return `this run began with ${runtime.kernels} kernels and went on with ${other.kernels}: the weights will not be bitwise those of an uninterrupted run`;
}

/** The stages with their samplers and maps, as a report draws them. */
export function describeStages(method: DescribedMethod): RunStage[] {
  return method.stages.map((stage, index) => {
    const { uniqueLayers } = stage;
    const depths = method.depths(stage);
    const maps = depths.map(({ depth }) => [depth, method.layersAt(uniqueLayers, depth)] as const);
    return {
      ...stage,
      depths,
      growMap: index === 0 ? null : method.growthMap(method.stages[index - 1].uniqueLayers, uniqueLayers),
      layerMaps: Object.fromEntries(maps.filter(([, layers]) => layers !== null)) as RunStage["layerMaps"],
    };
  });
}
