/** Learning-rate schedules: pure functions of the index of the update. */

export const LEARNING_RATE_KINDS = ["constant", "linear", "cosine", "wsd"] as const;
export type LearningRateKind = (typeof LEARNING_RATE_KINDS)[number];

export interface LearningRateOptions {
  kind: LearningRateKind;
  /** The largest learning rate. */
  peak: number;
  /** T, updates in the whole run. */
  steps: number;
  /** W/T, share of the updates that warm up, in [0, 1); the release's 0.025 [R] when absent, 0 for `constant`. */
  warmupRatio?: number;
  /** D/T, share of the updates at the end that decay, in (0, 1]; for `wsd` alone, 0.2 when absent. */
  decayRatio?: number;
}

/**
 * The learning rate of each update i = 0 … T−1; the index T and all later ones give what the schedule ends at.
 *
 * With W = ⌈warmupRatio·T⌉, for i < W all kinds warm up linearly: peak·i/W, so that the first update of a warmed-up run
 * changes nothing, as in the release's logs (A.9, A.11). From then on
 * - `constant`: peak;
 * - `linear`: peak·(T−i)/(T−W);
 * - `cosine`: peak·½(1 + cos(π(i−W)/(T−W))) [R];
 * - `wsd` (warm-up, stable, decay): peak until i = T−D with D = ⌈decayRatio·T⌉, then peak·(T−i)/D.
 * One schedule serves the whole run: growth neither restarts it nor warms up again (A.8 [R]).
 * @returns a function of the update's index.
 * @throws when a number is out of its range, or warm-up and decay of `wsd` take more than all updates.
 */
export function learningRateSchedule(options: LearningRateOptions): (update: number) => number {
  const { kind, peak, steps, warmupRatio = kind === "constant" ? 0 : 0.025, decayRatio } = options;
  if (!LEARNING_RATE_KINDS.includes(kind))
    throw new Error(`learning rate: there is no schedule "${kind}", only ${LEARNING_RATE_KINDS.join(", ")}`);
  if (!(Number.isFinite(peak) && peak >= 0))
    throw new Error(`learning rate: the peak must be a finite number from 0, not ${peak}`);
  if (!(Number.isSafeInteger(steps) && steps >= 1))
    throw new Error(`learning rate: a run needs a whole number of steps from 1, not ${steps}`);
  if (!(warmupRatio >= 0 && warmupRatio < 1))
    throw new Error(`learning rate: the warm-up ratio must lie in [0, 1), not be ${warmupRatio}`);
  if (decayRatio !== undefined && kind !== "wsd")
    throw new Error(`learning rate: a decay ratio of ${decayRatio} means nothing to the ${kind} schedule, only to wsd`);
  if (decayRatio !== undefined && !(decayRatio > 0 && decayRatio <= 1))
    throw new Error(`learning rate: the decay ratio must lie in (0, 1], not be ${decayRatio}`);

  const warmup = shareOf(warmupRatio, steps);
  const after = afterWarmup(kind, { warmup, steps, decay: shareOf(decayRatio ?? 0.2, steps) });
  return (update) => {
    if (!(Number.isSafeInteger(update) && update >= 0))
      throw new Error(`learning rate: an update has a whole index from 0, not ${update}`);
    const i = Math.min(update, steps);
    return peak * (i < warmup ? i / warmup : after(i));
  };
}

/** The factor on the peak for i = W … T. */
function afterWarmup(
  kind: LearningRateKind,
  { warmup, steps, decay }: { warmup: number; steps: number; decay: number },
): (i: number) => number {
  // One warm-up update in a run of one leaves nothing to divide by; what remains is the end.
  const rest = Math.max(1, steps - warmup);
  switch (kind) {
    case "constant":
      return () => 1;
    case "linear":
      return (i) => (steps - i) / rest;
    case "cosine":
      return (i) => (i === steps ? 0 : 0.5 * (1 + Math.cos((Math.PI * (i - warmup)) / rest)));
    case "wsd":
      if (steps > 1 && warmup + decay > steps)
        throw new Error(
          `learning rate: ${warmup} updates of warm-up and ${decay} of decay do not fit into ${steps} steps`,
        );
      return (i) => Math.min(1, (steps - i) / decay);
  }
}

/** ⌈ratio·T⌉ */
function shareOf(ratio: number, steps: number): number {
  // A decimal such as 0.07 lies just above itself in binary; without the slack 7 % of 100 updates would be 8.
  return Math.ceil(ratio * steps * (1 - 2 * Number.EPSILON));
}
