/** Made-up run logs for the tests of the report: an exponential fall towards 4, at a depth that a schedule gives. */

import type { EvaluationRecord, RunHeader, RunLog, RunStage, StepRecord } from "../../src/report/run-log.ts";

export interface ExampleOptions {
  name?: string;
  recipe?: string;
  seed?: number;
  /** N of two equal stages; one stage of 2 layers when absent. */
  stages?: readonly [number, number];
  /** Larger falls faster. */
  rate?: number;
  status?: RunHeader["status"];
  reason?: string;
}

const STEPS = 20;
const LAYERS = 2;

export function exampleRun(options: ExampleOptions = {}): RunLog {
  const { name = "scratch", recipe = name, seed = 0, stages, rate = 0.1, status = "finished", reason } = options;
  const plan = stages ?? [LAYERS];
  const length = STEPS / plan.length;
  const lossAt = (step: number) => 4 + 2 * Math.exp(-rate * step);
  const steps = Array.from({ length: STEPS }, (_, step): StepRecord => {
    const uniqueLayers = plan[Math.floor(step / length)];
    const depth = uniqueLayers === LAYERS ? LAYERS : 1 + (step % 2);
    const modelFlops = 1e9 * (depth + 1);
    return {
      ...{ step, loss: lossAt(step), depth, uniqueLayers, learningRate: 1e-3, gradNorm: 1, modelFlops },
      ...{ layerFlops: 1e9 * depth, executedFlops: modelFlops, elapsedMs: 2 * depth + 1, tokens: 64 },
    };
  });
  const total = (done: number, of: (record: StepRecord) => number) =>
    steps.slice(0, done).reduce((sum, record) => sum + of(record), 0);
  const evaluations = Array.from({ length: 6 }, (_, index): EvaluationRecord => {
    const step = index * 4;
    return {
      ...{ step, loss: lossAt(step), lossAtUniqueDepth: lossAt(step) },
      modelFlops: total(step, (record) => record.modelFlops),
      layerFlops: total(step, (record) => record.layerFlops),
      elapsedMs: total(step, (record) => record.elapsedMs),
      tokens: total(step, (record) => record.tokens),
    };
  });
  const header: RunHeader = {
    ...{ schema: 1, name, recipe, steps: STEPS, batch: 4, seed, trainTokens: 1000, status },
    model: { family: "gpt", layers: LAYERS, hidden: 8, heads: 2, context: 16, vocabulary: 300, parameters: 4321 },
    stages: plan.map((uniqueLayers, index): RunStage => {
      const depths = uniqueLayers === LAYERS ? [LAYERS] : [1, 2];
      return {
        ...{ uniqueLayers, firstStep: index * length, endStep: (index + 1) * length },
        depths: depths.map((depth) => ({ depth, probability: 1 / depths.length })),
        growMap: index === 0 ? null : Array.from({ length: uniqueLayers }, () => 0),
        layerMaps: Object.fromEntries(
          depths.map((depth) => [depth, Array.from({ length: depth }, (_, l) => Math.min(l, uniqueLayers - 1))]),
        ),
      };
    }),
    runtime: { node: "v24.0.0", kernels: "simd wide", threads: 2, cpu: "a processor" },
    ...(reason !== undefined && { reason }),
  };
  return { header, experiment: { name }, steps, evaluations };
}
