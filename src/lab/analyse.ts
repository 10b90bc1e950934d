/** The paper's analyses of growth, Table 2 with Figure 5 and Table 3, and one of what training made of the residual stream. */

import { join } from "node:path";
import { train } from "../apollo/algorithm.ts";
import { blockPlace } from "../apollo/growth/parameter-axes.ts";
import type { Values } from "../apollo/growth/widen.ts";
import { type LayerMapName, layerMap, preservesFunctionAtGrowth } from "../apollo/layer-map.ts";
import { sharedPath } from "../apollo/shared-layers.ts";
import { straightPlan } from "../apollo/step-plan.ts";
import { readWhole } from "../io/files.ts";
import { decodeSafetensors } from "../io/safetensors.ts";
import { FAMILY_DEFAULTS, type LayerUse, straightPath } from "../nn/index.ts";
import type { AnalysedModel, Analysis } from "../report/model-statistics.ts";
import { readRun, runFileNames } from "../report/run-files.ts";
import type { StreamProfile } from "../report/stream-profile.ts";
import { type Experiment, methodOf, parseExperiment, readExperiment } from "./experiment.ts";
import { earthMoverDistance, type Measured, measureModel } from "./model-statistics.ts";
import { readModelTokenizer } from "./model-tokenizer.ts";
import { WEIGHTS_FILE } from "./run-folder.ts";
import { smooth } from "./saving.ts";
import { profileStream } from "./stream-profile.ts";
import { prepareTask, type Task, trainingOptions } from "./task.ts";

export interface AnalyseOptions {
  cacheFolder?: string;
  onProgress?: (message: string) => void;
}

const EXPANSIONS = ["stack", "interp_floor", "interp_round", "random layers", "random model"] as const;

/**
 * Table 2 and Figure 5: a trained model is made twice as deep by stacking, by either interpolation, or with new random layers
 * in all places, and measured before any further update; beside it a model that is new altogether, which the paper's table has.
 * @param folder of a finished run.
 * @throws naming the folder, when its run is not finished.
 */
export function analyseExpansion(folder: string, options: AnalyseOptions = {}): Analysis {
  const { experiment, weights, tokenizer } = readTrained(folder);
  const N = experiment.model.layers;
  const source = prepareTask(experiment, { ...options, tokenizer });
  source.model.loadStateDict(weights);
  const first = measured(`source, ${N} layers`, source, straightPath(source.model.blocks), null);
  const task = prepareTask(deepened(experiment), { ...options, tokenizer });
  const initial = task.model.stateDict();
  const models = EXPANSIONS.map((name) => {
    options.onProgress?.(`measuring: ${name}`);
    task.model.loadStateDict(expandedState(initial, weights, name, { from: N, to: 2 * N }));
    return measured(name, task, straightPath(task.model.blocks), first).model;
  });
  return {
    title: `A model of ${N} layers grown to ${2 * N}`,
    setup: setupOf(experiment),
    models: [first.model, ...models],
    notes: ["Random layers: newly initialised ones between the source’s embeddings and head."],
  };
}

/**
 * The residual streams of trained models, layer by layer.
 * @param folders of finished runs.
 * @throws naming the folder, when its run is not finished.
 */
export function analyseStreams(folders: readonly string[], options: AnalyseOptions = {}): StreamProfile[] {
  const tasks = new Map<string, Task>();
  return folders.map((folder) => {
    options.onProgress?.(`measuring: ${folder}`);
    const { experiment, log, weights, tokenizer } = readTrained(folder);
    const { model, data, from, seed, training } = experiment;
    // Runs of one suite differ in their weights alone.
    const key = JSON.stringify([model, data, from, training.batch]);
    const task = tasks.get(key) ?? prepareTask(experiment, { ...options, tokenizer });
    tasks.set(key, task);
    task.model.loadStateDict(weights);
    return {
      ...{ name: log.header.name, seed, learningRate: training.learningRate.peak },
      endLoss: smooth(log.evaluations).at(-1)!.smoothed,
      layers: profileStream(task, straightPath(task.model.blocks)),
    };
  });
}

/** A finished run and the weights that it ended with. @throws naming the folder, when its run is not finished. */
function readTrained(folder: string) {
  const log = readRun(folder);
  const { status } = log.header;
  if (status !== "finished") throw new Error(`${folder}: its run is ${status}, not finished`);
  const experiment = readExperiment(join(folder, runFileNames.experiment));
  const path = join(folder, WEIGHTS_FILE);
  const { tensors: weights } = decodeSafetensors(readWhole(path), path);
  const tokenizer = experiment.from === undefined ? undefined : readModelTokenizer(folder);
  return { log, experiment, weights, tokenizer };
}

/** The state of a new model with what an expansion takes over from the trained one. */
function expandedState(
  initial: Map<string, Values>,
  weights: ReadonlyMap<string, Values>,
  name: (typeof EXPANSIONS)[number],
  { from, to }: { from: number; to: number },
): Map<string, Values> {
  if (name === "random model") return initial;
  const map = name === "random layers" ? null : layerMap(name, from, to);
  return new Map(
    [...initial].map(([parameter, values]) => {
      const place = blockPlace(parameter);
      if (place === null) return [parameter, weights.get(parameter)!];
      return [parameter, map === null ? values : weights.get(`blocks.${map[place.layer]}.${place.name}`)!];
    }),
  );
}

function deepened({ model, recipe: _, ...rest }: Experiment): Experiment {
  return parseExperiment({ ...rest, model: { ...model, layers: 2 * model.layers }, recipe: { kind: "scratch" } });
}

/**
 * Table 3: Apollo is trained up to its last growth, and measured just before it, at depth N and, by sharing, at full depth, and
 * just after it.
 * @throws when the experiment's recipe does not grow.
 */
export function analyseGrowth(
  experiment: Experiment,
  maps: readonly LayerMapName[],
  options: AnalyseOptions = {},
): Analysis {
  const { recipe } = experiment;
  if (recipe.kind !== "apollo" || recipe.stages.length < 2)
    throw new Error(`the recipe ${recipe.kind} of this experiment does not share layers and grow`);
  const models: AnalysedModel[] = [];
  const notes: string[] = [];
  for (const map of maps) {
    const method = methodOf({ ...experiment, recipe: { ...recipe, map } });
    const task = prepareTask(experiment, options);
    const { blocks } = task.model;
    const training = trainingOptions(experiment, task, { method });
    const [before, after] = method.stages.slice(-2);
    for (const { step } of train(training)) {
      if (step % 100 === 0) options.onProgress?.(`${map}: step ${step} of ${before.endStep}`);
      if (step + 1 === before.endStep) break;
    }
    const [N, L] = [before.uniqueLayers, after.uniqueLayers];
    const straight = straightPlan(N);
    const shallow = measured(`${map}: before, ${N} layers`, task, sharedPath(blocks, straight), null);
    const shared = measured(
      `${map}: before, shared to ${L}`,
      task,
      sharedPath(blocks, method.planFullDepth(N)),
      shallow,
    );
    method.grow({ blocks, optimizer: training.optimizer, from: N, to: L });
    const grown = measured(`${map}: after, ${L} layers`, task, sharedPath(blocks, method.planFullDepth(L)), shallow);
    models.push(shallow.model, shared.model, grown.model);
    const isSame = shared.model.loss === grown.model.loss;
    if (preservesFunctionAtGrowth(map, N, L, L) && !isSame)
      throw new Error(`${map}: growth changed the loss from ${shared.model.loss} to ${grown.model.loss}`);
    notes.push(
      isSame
        ? `${map}: the shared network of ${L} layers and the grown one have the same loss, bit by bit (methods A.3.3).`
        : `${map}: growth changed the function, as it must with this map.`,
    );
  }
  return { title: "Apollo before and after its last growth", setup: setupOf(experiment), models, notes };
}

function measured(
  label: string,
  task: Task,
  path: readonly LayerUse[],
  first: { measured: Measured } | null,
): { model: AnalysedModel; measured: Measured } {
  const own = measureModel(task, path, first?.measured.statistics.activations.edges);
  const distance = first === null ? 0 : earthMoverDistance(own.sorted, first.measured.sorted);
  return { model: { label, depth: path.length, distance, ...own.statistics }, measured: own };
}

function setupOf({ model, training, data, seed }: Experiment): string {
  const { norm = FAMILY_DEFAULTS[model.family].norm } = model;
  return (
    `${model.family.toUpperCase()}, ${norm}-LN, hidden ${model.hidden}, context ${model.context}, vocabulary ${model.vocabulary}; ` +
    `${training.steps} steps × ${training.batch * training.microBatches * model.context} tokens of ${data.corpus}, seed ${seed}`
  );
}
