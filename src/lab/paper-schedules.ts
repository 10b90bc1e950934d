/** The paper's schedules at the paper's sizes, computed without a run: expected depths (methods A.6) and FLOPs ratios (A.10 [D]). */

import { expectedScheduleCost, headInLayers } from "../apollo/cost.ts";
import { type DepthSampler, type DepthSamplerOptions, depthSampler } from "../apollo/depth-sampler.ts";
import { BOUNDARY_PRESETS, type Stage, stagePlan } from "../apollo/schedule.ts";
import { PRESETS } from "../nn/index.ts";
import type { ExpectedDepths, PaperSchedules, ScheduleRatio, SchedulesOfModel } from "../report/paper-schedules.ts";
import { MASKED_FRACTION } from "./memory-estimate.ts";

const SAMPLERS: readonly DepthSamplerOptions[] = [
  ...(["floor", "round", "floorIncl", "int", "release"] as const).map((lvps) => ({ sampler: "lvps" as const, lvps })),
  ...(["int", "round", "release"] as const).map((es) => ({ sampler: "es" as const, es })),
  { sampler: "us" },
  { sampler: "fs" },
  { sampler: "none" },
];

/** N of each stage for which A.6 tabulates the expected depth. */
const TABULATED = [1, 3, 6, 12];

const TWELVE = [[1, 3, 6, 12]];
/** The paper states none for its 24 layers: A.10 computes these. */
const TWENTY_FOUR = [
  [3, 6, 12, 24],
  [1, 6, 12, 24],
  [1, 3, 6, 24],
  [1, 3, 12, 24],
];

/** Inferred of the paper's StackBERT (methods B.1): 5, 7 and 28 of 40 epochs. */
const STACKBERT_BOUNDARIES = [0.125, 0.3];

export function paperSchedules(): PaperSchedules {
  return {
    depths: [12, 24].flatMap((L) => TABULATED.map((N) => expectedDepths(N, L))),
    models: [
      schedulesOf("BERT-Base", "bert-base", { lists: TWELVE, epochs: 40, hasStackBert: true }),
      // The paper trains it for 5 epochs [P]; ratios depend on the fractions alone.
      schedulesOf("BERT-Large", "bert-large", {
        lists: TWENTY_FOUR,
        epochs: 40,
        schedule: "stages end at 5, 10 and 25 %",
      }),
      schedulesOf("GPT-Base", "gpt-base", { lists: TWELVE, epochs: 35 }),
    ],
  };
}

function expectedDepths(N: number, L: number): ExpectedDepths {
  const expected = SAMPLERS.map((options) => {
    const sampler = depthSampler(options);
    return [sampler.name, sampler.expectedDepth(N, L)] as const;
  });
  return { uniqueLayers: N, targetDepth: L, expected: Object.fromEntries(expected) };
}

function schedulesOf(
  name: string,
  preset: "bert-base" | "bert-large" | "gpt-base",
  options: { lists: readonly number[][]; epochs: 35 | 40; schedule?: string; hasStackBert?: boolean },
): SchedulesOfModel {
  const { lists, epochs, schedule = `${epochs} epochs`, hasStackBert = false } = options;
  const { hidden, context, vocabulary } = PRESETS[preset];
  const isBert = preset !== "gpt-base";
  const size = { hidden, context, vocabulary, headTransform: isBert };
  const ofMasked = { ...size, projectedFraction: MASKED_FRACTION };
  const boundaries = BOUNDARY_PRESETS[epochs === 40 ? "paper-bert" : "paper-gpt"];
  const ratioOf = (
    label: string,
    sampler: DepthSampler,
    list: readonly number[],
    ends: readonly number[],
  ): ScheduleRatio => {
    const targetDepth = list[list.length - 1];
    // One update per epoch: boundaries are epochs, and ratios do not depend on more.
    const stages = stagePlan({ stages: list, boundaries: ends, steps: epochs, targetDepth });
    const expectedDepth = ({ uniqueLayers }: Stage) => sampler.expectedDepth(uniqueLayers, targetDepth);
    const cost = expectedScheduleCost({ stages, expectedDepth, targetDepth, size });
    return {
      sampler: label,
      stages: list,
      executedLayers: cost.executedLayers,
      layers: cost.layerRatio,
      head: cost.modelRatio,
      ...(isBert && {
        maskedHead: expectedScheduleCost({ stages, expectedDepth, targetDepth, size: ofMasked }).modelRatio,
      }),
    };
  };
  const ratios = lists.flatMap((list) =>
    SAMPLERS.map((one) => depthSampler(one)).map((sampler) => ratioOf(sampler.name, sampler, list, boundaries)),
  );
  if (hasStackBert)
    ratios.push(ratioOf("StackBERT", depthSampler({ sampler: "none" }), [3, 6, 12], STACKBERT_BOUNDARIES));
  return {
    name,
    schedule,
    headInLayers: headInLayers(size),
    ...(isBert && { maskedHeadInLayers: headInLayers(ofMasked) }),
    ratios,
  };
}
