/** The model that a run's folder holds: its weights, its tokenizer, and the layers that it runs through. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setGrowthMasks } from "../apollo/growth/growth-masks.ts";
import { blockPlace } from "../apollo/growth/parameter-axes.ts";
import { layerMap } from "../apollo/layer-map.ts";
import type { SizedModel } from "../apollo/layered-model.ts";
import type { DescribedMethod } from "../apollo/method.ts";
import { stageAt } from "../apollo/schedule.ts";
import { sharedPath } from "../apollo/shared-layers.ts";
import { planFromMap, type StepPlan } from "../apollo/step-plan.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import { checkpointWeights } from "../io/checkpoint.ts";
import { readWhole } from "../io/files.ts";
import { decodeSafetensors, type StoredTensor } from "../io/safetensors.ts";
import { Bert, Gpt, type LayerUse, type Module } from "../nn/index.ts";
import { runFileNames } from "../report/run-files.ts";
import { outsideScopes } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Experiment, methodOf, readExperiment, vocabularyOf } from "./experiment.ts";
import { readModelTokenizer } from "./model-tokenizer.ts";
import { checkpointStep } from "./run-checkpoint.ts";
import { CHECKPOINT_FILE, WEIGHTS_FILE } from "./run-folder.ts";
import { readHeader } from "./run-header.ts";

/** What a run came to, finished or not. */
export interface TrainedModel {
  experiment: Experiment;
  /** With the weights of every layer that training reached; `family` tells the two apart. */
  model: Gpt | Bert;
  tokenizer: Tokenizer;
  /** Updates that the weights have seen. */
  updates: number;
  /**
   * The layers to run through: all, through the recipe's map, or so many of them. From as many as are trained so far on the map
   * serves here too; below, evenly chosen layers do.
   * @throws when the depth is not one of 1 … L.
   */
  path(depth?: number): LayerUse[];
}

/**
 * Reads the model of a finished run or, of one that was cut off or failed, that of its last checkpoint.
 * @throws naming the folder or the file, when the folder is no run or has no weights yet, or a file is damaged.
 */
export function loadTrainedModel(folder: string): TrainedModel {
  const experiment = readRunExperiment(folder);
  const { family, layers } = experiment.model;
  const method = methodOf(experiment, readHeader(folder)?.smallModel);
  const { weights, updates, path: weightsPath } = readWeights(folder, experiment);
  // A checkpoint at the end of a stage is written before the model grows.
  const { uniqueLayers } = stageAt(method.stages, updates - 1);
  const tokenizer = readModelTokenizer(folder);
  const options = { ...experiment.model, vocabulary: vocabularyOf(experiment, tokenizer) };
  const model = family === "gpt" ? new Gpt(options) : new Bert(options);
  const full = method.planFullDepth(uniqueLayers, updates);
  outsideScopes(() => setGrowthMasks(model, full.growthMasks));
  const path = (depth = layers) =>
    sharedPath(model.blocks, checkDepth(depth, layers) === layers ? full : planToDepth(method, uniqueLayers, depth));
  // Of layers that training did not reach yet there is nothing to load, and nothing is used.
  const used = new Set(path().map(({ block }) => block));
  const unused = new Set(model.blocks.filter((block) => !used.has(block)).flatMap((block) => block.parameters()));
  for (const [name, parameter] of model.namedParameters()) {
    if (!weights.has(name) && !unused.has(parameter)) throw new Error(`${weightsPath}: "${name}" is missing`);
  }
  model.loadStateDict(weights, { partial: true });
  return { experiment, model, tokenizer, updates, path };
}

/** What the run in a folder is about. @throws naming the folder or the file, when it is no run, or damaged. */
export function readRunExperiment(folder: string): Experiment {
  const path = join(folder, runFileNames.experiment);
  if (!existsSync(path)) throw new Error(`${folder} is not a run: it has no ${runFileNames.experiment}`);
  return readExperiment(path);
}

/** @throws when a depth is not one of 1 … L. @returns the depth. */
export function checkDepth(depth: number, layers: number): number {
  if (Number.isInteger(depth) && depth >= 1 && depth <= layers) return depth;
  throw new Error(`the depth must be a whole number from 1 to ${layers}, not ${depth}`);
}

/**
 * A model of the same function with a block of its own at each position of a path, and no factors beside it: what other
 * programs understand. A branch's scale goes into the last projection of the branch.
 * @throws when units or layers are still growing in, which no such model computes.
 */
export function materialised(
  { experiment, model }: Pick<TrainedModel, "experiment" | "model">,
  path: readonly LayerUse[],
): Gpt | Bert {
  const options = { ...experiment.model, layers: path.length, vocabulary: model.size.vocabulary };
  const made = model.family === "gpt" ? new Gpt(options) : new Bert(options);
  writeAlong(made, { model, path });
  return made;
}

/**
 * Writes the function of a path into a model of as many layers, with a block of its own for each position. A target with a
 * shorter context gets that many of the positions.
 * @throws when there are not as many layers, or units or layers are still growing in; nothing is written then.
 */
export function writeAlong(
  target: SizedModel,
  { model, path }: { model: Gpt | Bert; path: readonly LayerUse[] },
): void {
  if (path.length !== target.blocks.length)
    throw new Error(`the model has ${path.length} layers as yet, not ${target.blocks.length}`);
  const growing = path.findIndex(({ growthMask = 1 }) => growthMask !== 1);
  if (growing >= 0)
    throw new Error(`the layer at position ${growing} still grows in, with a mask of ${path[growing].growthMask}`);
  if (model.modules().some(isMasked)) throw new Error("the model has units that still grow in, under masks");
  const sources = model.namedParameters();
  for (const [name, parameter] of target.namedParameters()) {
    const place = blockPlace(name);
    if (place === null) {
      // Of positions, the first stand first.
      parameter.numbers.set(sources.get(name)!.numbers.subarray(0, parameter.size));
      continue;
    }
    const { block, branchScale } = path[place.layer];
    const source = block.namedParameters().get(place.name)!.numbers;
    const factor = ENDS_A_BRANCH.test(place.name) ? branchScale : 1;
    parameter.numbers.set(factor === 1 ? source : source.map((value) => factor * value));
  }
}

/** Whether some units of a module do not count fully. */
function isMasked(module: Module): boolean {
  const { growthMask } = module as { growthMask?: Tensor };
  return growthMask?.numbers.some((factor) => factor !== 1) ?? false;
}

/** The projections after which a branch joins the residual stream. */
const ENDS_A_BRANCH = /^(attention\.output|feedForward\.down)\./;

/** The last weights that a run wrote, and the updates done by then. */
function readWeights(
  folder: string,
  experiment: Experiment,
): { path: string; weights: ReadonlyMap<string, StoredTensor>; updates: number } {
  const finished = join(folder, WEIGHTS_FILE);
  if (existsSync(finished)) {
    const { tensors } = decodeSafetensors(readWhole(finished), finished);
    return { path: finished, weights: tensors, updates: experiment.training.steps };
  }
  const path = join(folder, CHECKPOINT_FILE);
  if (!existsSync(path))
    throw new Error(`${folder} has no weights yet: neither ${WEIGHTS_FILE} nor ${CHECKPOINT_FILE}`);
  const checkpoint = decodeSafetensors(readWhole(path), path);
  return { path, weights: checkpointWeights(checkpoint), updates: checkpointStep(checkpoint, experiment, path) };
}

/** What less than full depth runs: from N on the method's map, and below N evenly chosen layers. */
function planToDepth(method: DescribedMethod, uniqueLayers: number, depth: number): StepPlan {
  const layers = depth >= uniqueLayers ? method.layersAt(uniqueLayers, depth) : null;
  return layers !== null ? planFromMap(layers) : evenlyChosen(depth, uniqueLayers);
}

/** So many of N layers, the first of each group that the map from there to N makes. */
export function evenlyChosen(depth: number, layers: number): StepPlan {
  const groups = layerMap("interp_floor", depth, layers);
  return planFromMap(Array.from({ length: depth }, (_, group) => groups.indexOf(group)));
}
