/** A suite's numbers, made up, for the tests of what is drawn of them. */

import type { SeedResult, SuiteComparison } from "../../src/report/suite-comparison.ts";

export const seedResult = (seed: number, change: Partial<SeedResult> = {}): SeedResult => ({
  ...{ seed, status: "finished", endLoss: 5, difference: 0 },
  savings: { flops: 0.25, layerFlops: 0.3, seconds: 0.2, withSmallModels: 0.1 },
  trainingSaving: 0.4,
  ...{ atEqualFlops: { own: 5.1, target: 5.2 }, atEqualSeconds: null },
  ...{ meanDepthPerStage: [2, 12], epochs: 1, trainValidationGap: 0.1 },
  ...{ modelFlops: 9e12, elapsedMs: 90_000, smallModelFlops: 0 },
  curve: [0, 1, 2, 3].map((at) => ({ loss: 6 - at / 3, modelFlops: 3e12 * at, elapsedMs: 30_000 * at })),
  ...change,
});

export const exampleSuite: SuiteComparison = {
  ...{ title: "Three <recipes>", target: "scratch", setup: "a small model", machines: ["a machine"] },
  areSecondsCalibrated: true,
  stepTimesFrom: null,
  rows: [
    {
      label: "scratch",
      grid: [
        { learningRate: 0.002, endLoss: 5.2, saving: 0 },
        { learningRate: 0.004, endLoss: 5, saving: 0 },
      ],
      ...{ learningRate: 0.004, missing: 0 },
      seeds: [seedResult(0, { endLoss: 5, modelFlops: 10e12 }), seedResult(1, { endLoss: 5.1, modelFlops: 10e12 })],
    },
    {
      label: "grown",
      grid: [
        { learningRate: 0.002, endLoss: Number.POSITIVE_INFINITY, saving: undefined },
        { learningRate: 0.004, endLoss: 4.9, saving: 0.25 },
      ],
      ...{ learningRate: 0.004, missing: 0 },
      seeds: [
        seedResult(0, { endLoss: 4.9, difference: -0.1, smallModelFlops: 1e12 }),
        seedResult(1, {
          ...{ endLoss: 5.1, difference: 0.02, smallModelFlops: 1e12 },
          savings: { flops: null, layerFlops: null, seconds: null, withSmallModels: null },
          trainingSaving: "too noisy",
        }),
      ],
    },
    {
      label: "failing",
      ...{ grid: [], learningRate: null, missing: 1 },
      seeds: [seedResult(0, { status: "failed", reason: "it diverged", endLoss: Number.NaN })],
    },
  ],
  warnings: ["failing, seed 0, failed: it diverged"],
};
