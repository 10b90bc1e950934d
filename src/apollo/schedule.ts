/** Stages: how many unique layers there are at which step. */

/** A stretch of updates with a fixed number N of unique layers. */
export interface Stage {
  /** N */
  uniqueLayers: number;
  /** Index of its first update. */
  firstStep: number;
  /** Index after its last update. */
  endStep: number;
}

export interface StagePlanOptions {
  /** N of each stage: strictly increasing, the last is L. */
  stages: readonly number[];
  /** Where stages end, as fractions of T: one fewer than stages, strictly increasing, inside (0, 1). */
  boundaries: readonly number[];
  /** T, updates in the whole run. */
  steps: number;
  /** L */
  targetDepth: number;
  /** What complaints begin with: the method whose stages these are. "schedule" when absent. */
  name?: string;
}

/**
 * Where the published schedules grow, as fractions of T for four stages 1|3|6|12 (A.9).
 *
 * For 24 layers the paper states no stages, since its common list ends at 12 [P]; 3|6|12|24 at the BERT fractions is a
 * choice of this project [D].
 */
export const BOUNDARY_PRESETS = {
  /** BERT: epochs 2, 4, 10 of 40 [P]; 5, 10, 25 %. */
  "paper-bert": [2 / 40, 4 / 40, 10 / 40],
  /** GPT: the same epochs 2, 4, 10, of 35 [P]; 5.7, 11.4, 28.6 %. */
  "paper-gpt": [2 / 35, 4 / 35, 10 / 35],
  /** The release's ten-epoch GPT script: epochs 1, 2, 5 of 10 [R]; 10, 20, 50 %. */
  release: [1 / 10, 2 / 10, 5 / 10],
} as const satisfies Record<string, readonly number[]>;

export type BoundaryPreset = keyof typeof BOUNDARY_PRESETS;

/**
 * The stages of a run: stage s ends before update ⌊fraction_s · T⌋, the last one before update T (D.1).
 * @throws one sentence naming the values when stages do not increase or do not end at L, or when boundaries are out of
 * order, too many or few, or closer than one update.
 */
export function stagePlan(options: StagePlanOptions): Stage[] {
  const { stages, boundaries, steps, targetDepth, name = "schedule" } = options;
  const list = stages.join(" | ");
  if (!(Number.isSafeInteger(steps) && steps >= 1))
    throw new Error(`${name}: a run needs a whole number of steps from 1, not ${steps}`);
  if (stages.length === 0) throw new Error(`${name}: there must be at least one stage, not 0`);
  stages.forEach((N, index) => {
    if (!(Number.isSafeInteger(N) && N >= 1))
      throw new Error(`${name}: the layers of a stage must be a whole number from 1, not ${N}`);
    if (index > 0 && N <= stages[index - 1]) throw new Error(`${name}: stages must increase, unlike ${list}`);
  });
  if (stages[stages.length - 1] !== targetDepth)
    throw new Error(`${name}: stages must end at the target depth ${targetDepth}, unlike ${list}`);
  if (boundaries.length !== stages.length - 1)
    throw new Error(
      `${name}: ${stages.length} stages need ${stages.length - 1} boundaries between them, not ${boundaries.length}`,
    );

  const ends = [...boundaries.map((fraction) => boundaryStep(fraction, steps)), steps];
  return stages.map((uniqueLayers, index) => {
    const firstStep = index === 0 ? 0 : ends[index - 1];
    const endStep = ends[index];
    if (endStep <= firstStep) {
      const fractions = boundaries.join(", ");
      const problem = boundaries.some((fraction, at) => at > 0 && fraction <= boundaries[at - 1])
        ? "do not increase"
        : "are too close";
      throw new Error(
        `${name}: boundaries ${fractions} ${problem}: of ${steps} steps the stage of N = ${uniqueLayers} would have ${firstStep} up to ${endStep}, and every stage needs at least one`,
      );
    }
    return { uniqueLayers, firstStep, endStep };
  });
}

/** The stage that an update belongs to. @throws when the update lies outside the run. */
export function stageAt(plan: readonly Stage[], step: number): Stage {
  const stage = plan.find(({ firstStep, endStep }) => step >= firstStep && step < endStep);
  if (stage === undefined || !Number.isSafeInteger(step))
    throw new Error(`schedule: step ${step} is not one of 0 … ${plan[plan.length - 1].endStep - 1}`);
  return stage;
}

/** ⌊fraction·T⌋: the first update behind a boundary. @throws when the fraction is not inside (0, 1). */
export function boundaryStep(fraction: number, steps: number): number {
  if (!(fraction > 0 && fraction < 1))
    throw new Error(`schedule: a boundary must be a fraction between 0 and 1, not ${fraction}`);
  // A decimal such as 0.29 lies just below itself in binary; without the slack 29 % of 100 steps would be 28.
  return Math.floor(fraction * steps * (1 + 2 * Number.EPSILON));
}
