/** A suite of experiments as data, and which of its runs are to be made next: pure functions of what is recorded. */

import {
  type Experiment,
  type ExperimentInput,
  experimentHash,
  parseExperiment,
  type RecipeInput,
} from "../lab/experiment.ts";
import type { RunRecord } from "../report/run-record.ts";
import { median } from "../report/statistics.ts";

/** Recipes × learning rates × seeds on one model, one corpus and one budget. */
export interface Suite {
  name: string;
  title: string;
  model: ExperimentInput["model"];
  data: NonNullable<ExperimentInput["data"]>;
  training: Omit<ExperimentInput["training"], "learningRate">;
  /** Cosine when absent. */
  schedule?: Omit<ExperimentInput["training"]["learningRate"], "peak">;
  evaluations: number;
  /** The peaks that every recipe tries with the first seed; its best one serves the others. */
  learningRates: readonly number[];
  seeds: number;
  /** The first is the one whose end the others are to reach. */
  recipes: readonly SuiteRecipe[];
}

export interface SuiteRecipe {
  label: string;
  recipe: RecipeInput;
  /** Updates and a learning-rate schedule of its own; those of the suite when absent. */
  steps?: number;
  schedule?: Suite["schedule"];
}

/** The same recipes under conditions that differ in one thing at a time from a middle. */
export interface Regime {
  name: string;
  title: string;
  middle: Suite;
  points: readonly RegimePoint[];
}

export interface RegimePoint {
  /** What differs: "length", "schedule". */
  axis: string;
  /** How: "24,000 steps", "WSD". */
  value: string;
  suite: Suite;
}

/** The runs of one recipe. */
export interface RecipeRuns {
  label: string;
  /** One per learning rate, with the first seed. */
  grid: Experiment[];
  /** The learning rate with which the grid ended best; null while runs of it are missing, or where all failed. */
  chosen: number | null;
  /** One per seed, with the chosen learning rate; empty while there is none. */
  seeds: Experiment[];
}

/** The first seed of every suite. */
const FIRST_SEED = 0;

/**
 * Every run that is known to be needed, given the records so far: the seeds of a recipe only once its grid is finished.
 * @param isLost whether a run ended without a record: it counts as failed.
 */
export function runsOf(
  suite: Suite,
  recordOf: (hash: string) => RunRecord | undefined,
  isLost: (hash: string) => boolean = () => false,
): RecipeRuns[] {
  return suite.recipes.map(({ label, recipe, steps = suite.training.steps, schedule = suite.schedule }) => {
    const make = (peak: number, seed: number): Experiment =>
      parseExperiment({
        name: label,
        model: suite.model,
        data: suite.data,
        recipe,
        training: { ...suite.training, steps, learningRate: { ...schedule, peak } },
        evaluations: suite.evaluations,
        seed,
      });
    const grid = suite.learningRates.map((peak) => make(peak, FIRST_SEED));
    const ends = grid.map((experiment) => {
      const hash = experimentHash(experiment);
      const record = recordOf(hash);
      return record !== undefined ? endLossOf(record) : isLost(hash) ? Number.POSITIVE_INFINITY : null;
    });
    const best = Math.min(...ends.map((end) => end ?? Number.POSITIVE_INFINITY));
    const isComplete = ends.every((end) => end !== null) && Number.isFinite(best);
    const chosen = isComplete ? suite.learningRates[ends.indexOf(best)] : null;
    const seeds =
      chosen === null ? [] : Array.from({ length: suite.seeds }, (_, index) => make(chosen, FIRST_SEED + index));
    return { label, grid, chosen, seeds };
  });
}

/**
 * The needed runs without a record, in the order in which they are best made: the grids of all suites first, recipe by recipe, so
 * that one seed of everything is there before the second of anything; of these the shortest first, so that a few long runs keep
 * nothing waiting.
 */
export function missingRuns(suites: readonly (readonly RecipeRuns[])[], has: (hash: string) => boolean): Experiment[] {
  const all = suites.flat();
  const grids = all.flatMap(({ grid }) => grid).sort((a, b) => a.training.steps - b.training.steps);
  const needed = [...grids, ...all.flatMap(({ seeds }) => seeds)];
  const byHash = new Map(needed.map((experiment) => [experimentHash(experiment), experiment]));
  return [...byHash].filter(([hash]) => !has(hash)).map(([, experiment]) => experiment);
}

/** Smoothed validation loss at the end (methods D.1); infinite where a run failed, so that any other is better. */
export function endLossOf({ header, evaluations }: RunRecord): number {
  if (header.status !== "finished") return Number.POSITIVE_INFINITY;
  return median(evaluations.slice(-3).map(({ loss }) => loss));
}
