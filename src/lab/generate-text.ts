/** Text from the weights in a run's folder. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setGrowthMasks } from "../apollo/growth/growth-masks.ts";
import { layerMap } from "../apollo/layer-map.ts";
import type { DescribedMethod } from "../apollo/method.ts";
import { stageAt } from "../apollo/schedule.ts";
import { sharedPath } from "../apollo/shared-layers.ts";
import { planFromMap, type StepPlan } from "../apollo/step-plan.ts";
import { Tokenizer } from "../data/tokenizer.ts";
import type { TokenizerJson } from "../data/tokenizer-json.ts";
import { checkpointWeights } from "../io/checkpoint.ts";
import { readJson, readWhole } from "../io/files.ts";
import { decodeSafetensors, type StoredTensor } from "../io/safetensors.ts";
import { Gpt, generate } from "../nn/index.ts";
import { runFileNames } from "../report/run-files.ts";
import { Random } from "../tensor/random.ts";
import { type Experiment, methodOf, readExperiment } from "./experiment.ts";
import { checkpointStep } from "./run-checkpoint.ts";
import { CHECKPOINT_FILE, WEIGHTS_FILE } from "./run-folder.ts";
import { readHeader } from "./run-header.ts";

export interface GenerateTextOptions {
  prompt: string;
  tokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
  /** Layers to run; all, through the map, when absent. */
  depth?: number;
}

/**
 * Continues a prompt piece by piece, with the weights of a finished run or, of one that was cut off or failed, those of its
 * last checkpoint.
 * @throws when the folder is no GPT run with weights, a file is damaged, or the depth is not one of 1 … L.
 */
export function* generateText(folder: string, options: GenerateTextOptions): Generator<string> {
  const experimentPath = join(folder, runFileNames.experiment);
  if (!existsSync(experimentPath)) throw new Error(`${folder} is not a run: it has no ${runFileNames.experiment}`);
  const experiment = readExperiment(experimentPath);
  const { family, layers } = experiment.model;
  if (family !== "gpt") throw new Error(`${folder} holds a ${family} model; only gpt writes text`);
  const method = methodOf(experiment, readHeader(folder)?.smallModel);
  const { weights, updates, path: weightsPath } = readWeights(folder, experiment);
  // A checkpoint at the end of a stage is written before the model grows.
  const { uniqueLayers } = stageAt(method.stages, updates - 1);
  const tokenizer = readTokenizer(join(folder, "tokenizer.json"));
  const model = new Gpt({ ...experiment.model, vocabulary: tokenizer.vocabularySize });
  const { depth = layers } = options;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= layers))
    throw new Error(`generate: depth must be a whole number from 1 to ${layers}, not ${options.depth}`);
  const full = method.planFullDepth(uniqueLayers, updates);
  setGrowthMasks(model, full.growthMasks);
  const path = sharedPath(model.blocks, depth === layers ? full : planToDepth(method, uniqueLayers, depth));
  // Of layers that training did not reach yet there is nothing to load, and nothing is used.
  const used = new Set(path.map(({ block }) => block));
  const unused = new Set(model.blocks.filter((block) => !used.has(block)).flatMap((block) => block.parameters()));
  for (const [name, parameter] of model.namedParameters()) {
    if (!weights.has(name) && !unused.has(parameter)) throw new Error(`${weightsPath}: "${name}" is missing`);
  }
  model.loadStateDict(weights, { partial: true });

  const prompt = [...tokenizer.encode(options.prompt)];
  const start = prompt.length > 0 ? prompt : [tokenizer.special.endOfText!];
  const written: number[] = [];
  let text = "";
  const { temperature, topK, topP, seed } = options;
  for (const token of generate(model, start, {
    maximumTokens: options.tokens,
    random: Random.stream(seed, "generate"),
    temperature,
    topK,
    topP,
    stopToken: tokenizer.special.endOfText,
    path,
  })) {
    written.push(token);
    const whole = tokenizer.decode(Int32Array.from(written));
    // A character of several bytes appears once its last byte is there.
    if (whole.endsWith("\ufffd")) continue;
    yield whole.slice(text.length);
    text = whole;
  }
}

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

function readTokenizer(path: string): Tokenizer {
  const json = readJson(path) as TokenizerJson;
  try {
    return Tokenizer.fromJson(json);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/**
 * What less than full depth runs: from N on the method's map, and below N evenly chosen layers, the first of each group that
 * the map from there to N makes.
 */
function planToDepth(method: DescribedMethod, uniqueLayers: number, depth: number): StepPlan {
  const layers = depth >= uniqueLayers ? method.layersAt(uniqueLayers, depth) : null;
  if (layers !== null) return planFromMap(layers);
  const groups = layerMap("interp_floor", depth, uniqueLayers);
  return planFromMap(Array.from({ length: depth }, (_, group) => groups.indexOf(group)));
}
