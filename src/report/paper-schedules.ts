/** What is told of the paper's schedules: numbers that the lab computes, and their text. */

import { formatFixed } from "./format.ts";
import { NONE, type TextTable } from "./suite-table.ts";

/** Layers that a step of a stage executes on average, by sampler. */
export interface ExpectedDepths {
  /** N */
  uniqueLayers: number;
  /** L */
  targetDepth: number;
  expected: Record<string, number>;
}

/** FLOPs of a whole run over those of Scratch for as many epochs: 1 − what the schedule alone saves. */
export interface ScheduleRatio {
  sampler: string;
  /** N of each stage. */
  stages: readonly number[];
  /** Layers × epochs. */
  executedLayers: number;
  /** Layers alone. */
  layers: number;
  /** With the head on all tokens, as the release's figure counts [D]. */
  head: number;
  /** With the head on the masked positions alone; BERT. */
  maskedHead?: number;
}

export interface SchedulesOfModel {
  name: string;
  /** Length or boundaries, in words. */
  schedule: string;
  /** c, the head's FLOPs in layers. */
  headInLayers: number;
  maskedHeadInLayers?: number;
  ratios: ScheduleRatio[];
}

export interface PaperSchedules {
  depths: ExpectedDepths[];
  models: SchedulesOfModel[];
}

/** Expected depths, one row per N and L. */
export function depthsTable({ depths }: PaperSchedules): TextTable {
  const samplers = Object.keys(depths[0].expected);
  return {
    rowHead: "(N, L)",
    columns: samplers.map((head) => ({ head, hint: "expected depth in layers" })),
    rows: depths.map(({ uniqueLayers, targetDepth, expected }) => ({
      label: `(${uniqueLayers}, ${targetDepth})`,
      cells: samplers.map((sampler) => formatFixed(expected[sampler], 4)),
    })),
  };
}

/** FLOPs ratios of a model, one row per sampler and list of stages. */
export function ratiosTable({ ratios }: SchedulesOfModel): TextTable {
  return {
    rowHead: "sampler",
    columns: [
      { head: "stages", hint: "unique layers of each" },
      { head: "layer-epochs", hint: "layers executed, times epochs" },
      { head: "layers only", hint: "FLOPs over those of Scratch" },
      { head: "with head", hint: "on all tokens" },
      { head: "head on 15 %", hint: "on the masked positions alone" },
    ],
    rows: ratios.map(({ sampler, stages, executedLayers, layers, head, maskedHead }) => ({
      label: sampler,
      cells: [
        ...[stages.join(" | "), formatFixed(executedLayers, 2), formatFixed(layers, 4), formatFixed(head, 4)],
        maskedHead === undefined ? NONE : formatFixed(maskedHead, 4),
      ],
    })),
  };
}
