/** The step log in the schema of the authors' release: one JSON object per micro-batch (methods A.11 [R]). */

import { type LayerMapName, layerMap } from "./layer-map.ts";
import { type Stage, stageAt } from "./schedule.ts";

/** The release's keys, in its order. */
export interface ApolloInfoRecord {
  /** Index of the micro-batch in the whole run. */
  curr_global_step_with_accu: number;
  /** Index of the update. */
  curr_global_step: number;
  /** N */
  curr_unique_layer: number;
  /** Lt, the depth executed. */
  curr_meta_layer: number;
  /** g as a list: the unique layer at each position. */
  extend_layer_list: number[];
  /** Whether growth happens just before this micro-batch: true on the first one of every stage but the first. */
  do_stack: boolean;
  /** The growth map from the stage before, repeated in every record of a stage. */
  stack_info: number[];
}

export interface ApolloInfoOptions {
  /** Index of the update. */
  step: number;
  /** Index of the micro-batch within the update. */
  microBatch: number;
  /** Micro-batches per update; 1 when absent. */
  microBatches?: number;
  stages: readonly Stage[];
  /** The map that growth uses. */
  map: LayerMapName;
  /** The unique layer at each executed position. */
  layers: readonly number[];
}

/**
 * One record of the log; `JSON.stringify` of it is a line of `apollo_info.jsonl`.
 *
 * In the first stage the release takes the *last* entry of its stage list for the stage before, so that `stack_info` is the
 * map applied from L down to N; nothing reads it ([0] for 1|3|6|12).
 * @throws when the step lies outside the stages, the micro-batch outside the update, or a layer is not among the N.
 */
export function apolloInfoRecord(options: ApolloInfoOptions): ApolloInfoRecord {
  const { step, microBatch, microBatches = 1, stages, map, layers } = options;
  if (!(Number.isSafeInteger(microBatch) && microBatch >= 0 && microBatch < microBatches))
    throw new Error(`apollo info: micro-batch ${microBatch} is not one of the ${microBatches} of an update`);
  const stage = stageAt(stages, step);
  const N = stage.uniqueLayers;
  for (const layer of layers) {
    if (!(Number.isSafeInteger(layer) && layer >= 0 && layer < N))
      throw new Error(`apollo info: layer ${layer} is not one of 0 … ${N - 1} at step ${step}`);
  }
  const index = stages.indexOf(stage);
  return {
    curr_global_step_with_accu: step * microBatches + microBatch,
    curr_global_step: step,
    curr_unique_layer: N,
    curr_meta_layer: layers.length,
    extend_layer_list: [...layers],
    do_stack: index > 0 && step === stage.firstStep && microBatch === 0,
    stack_info:
      index > 0 ? layerMap(map, stages[index - 1].uniqueLayers, N) : fromLastStage(map, stages[stages.length - 1], N),
  };
}

/** {@link layerMap} of the release's two maps, continued to N below the number of sources. */
function fromLastStage(map: LayerMapName, { uniqueLayers: L }: Stage, N: number): number[] {
  return Array.from({ length: N }, (_, l) => (map === "stack_top" ? L - N + l : Math.floor((l * L) / N)));
}
