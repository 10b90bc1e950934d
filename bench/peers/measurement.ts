/** How a process of the comparison times its steps and what it tells; pytorch-step.py does and tells the same. */

/** What one training step yields, before its update. */
export interface StepResult {
  /** Mean cross-entropy in nats. */
  loss: number;
  /** Global norm of the gradients before clipping. */
  gradientNorm: number;
}

/** The line of JSON that a process prints. */
export interface Measurement {
  /** Framework, version and how it ran. */
  description: string;
  /** Of every step from the first, not only of those that were timed. */
  losses: number[];
  /** Of the first step. */
  gradientNorm: number;
  /** Of every timed step. */
  milliseconds: number[];
}

const LEAST_TIMED_STEPS = 3;

/**
 * Measures a training step for about so many seconds and prints the measurement. The first step is never timed (compilation,
 * allocation), nor are those of the first third of the time.
 */
export async function measureSteps(options: {
  description: string;
  seconds: number;
  step: () => StepResult | Promise<StepResult>;
}): Promise<void> {
  const { description, seconds, step } = options;
  const losses: number[] = [];
  const milliseconds: number[] = [];
  let gradientNorm = Number.NaN;
  const start = performance.now();
  const end = start + seconds * 1000;
  const warm = start + (seconds * 1000) / 3;
  while (milliseconds.length < LEAST_TIMED_STEPS || performance.now() < end) {
    const began = performance.now();
    const result = await step();
    const elapsed = performance.now() - began;
    if (losses.length === 0) gradientNorm = result.gradientNorm;
    if (losses.length > 0 && began > warm) milliseconds.push(elapsed);
    losses.push(result.loss);
  }
  const measurement: Measurement = { description, losses, gradientNorm, milliseconds };
  console.log(JSON.stringify(measurement));
}
