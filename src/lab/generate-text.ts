/** Text from the weights in a run's folder. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { layerMap } from "../apollo/layer-map.ts";
import { sharedPath } from "../apollo/shared-layers.ts";
import { planFromMap } from "../apollo/step-plan.ts";
import { Tokenizer } from "../data/tokenizer.ts";
import { readWhole } from "../io/files.ts";
import { decodeSafetensors } from "../io/safetensors.ts";
import { Gpt, generate } from "../nn/index.ts";
import { runFileNames } from "../report/run-files.ts";
import { Random } from "../tensor/random.ts";
import { methodOf, parseExperiment } from "./experiment.ts";
import { CHECKPOINT_FILE, WEIGHTS_FILE } from "./run.ts";

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
 * Continues a prompt piece by piece.
 * @throws when the folder is no finished GPT run, or the depth is not one of N … L.
 */
export function* generateText(folder: string, options: GenerateTextOptions): Generator<string> {
  const experimentPath = join(folder, runFileNames.experiment);
  if (!existsSync(experimentPath)) throw new Error(`${folder} is not a run: it has no ${runFileNames.experiment}`);
  const experiment = parseExperiment(JSON.parse(readFileSync(experimentPath, "utf8")));
  if (experiment.model.family !== "gpt")
    throw new Error(`${folder} holds a ${experiment.model.family} model; only gpt writes text`);
  const weightsPath = join(folder, WEIGHTS_FILE);
  if (!existsSync(weightsPath)) {
    const hint = existsSync(join(folder, CHECKPOINT_FILE))
      ? "; the run is not finished, continue it with --resume"
      : "";
    throw new Error(`${folder} has no ${WEIGHTS_FILE}${hint}`);
  }
  const tokenizer = Tokenizer.fromJson(readFileSync(join(folder, "tokenizer.json"), "utf8"));
  const model = new Gpt({ ...experiment.model, vocabulary: tokenizer.vocabularySize });
  model.loadStateDict(decodeSafetensors(readWhole(weightsPath), weightsPath).tensors);

  const uniqueLayers = methodOf(experiment).stages.at(-1)!.uniqueLayers;
  const depth = options.depth ?? experiment.model.layers;
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= experiment.model.layers)) {
    throw new Error(
      `generate: depth must be a whole number from 1 to ${experiment.model.layers}, not ${options.depth}`,
    );
  }
  const path = sharedPath(model.blocks, planFromMap(mapToDepth(uniqueLayers, depth)));

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

/** The layers that a depth runs: the map itself, or, below N, evenly chosen ones: the first of each group that the map makes. */
function mapToDepth(uniqueLayers: number, depth: number): number[] {
  if (depth >= uniqueLayers) return layerMap("interp_floor", uniqueLayers, depth);
  const groups = layerMap("interp_floor", depth, uniqueLayers);
  return Array.from({ length: depth }, (_, group) => groups.indexOf(group));
}
