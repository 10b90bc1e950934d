/**
 * Progressive training: Algorithm 1 of the Apollo paper, repaired as methods A.2 says, and the one training loop that every
 * method goes through. A method decides the stages, what each step executes and what growth does; the rest is here.
 */

import { countFlops, type FlopCount } from "../autograd/index.ts";
import { DropoutKey } from "../nn/index.ts";
import { checkClipNorm, clipCoefficient, gradientNorm } from "../optim/clip.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { kernelsFor } from "../tensor/engine.ts";
import { Random } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { withGrowthMasks } from "./growth/growth-masks.ts";
import type { LayeredModel } from "./layered-model.ts";
import type { Method } from "./method.ts";
import { averageOverUses, sharedPath, withTrainable } from "./shared-layers.ts";
import { type StepPlan, validateStepPlan } from "./step-plan.ts";

export interface TrainingOptions<Batch> {
  model: LayeredModel<Batch>;
  method: Method;
  optimizer: Optimizer;
  /** The learning rate of the update with this index. */
  learningRate: (update: number) => number;
  /** The data of a step's micro-batch: a function of its arguments alone, called inside the step's scope. */
  batchAt: (step: number, microBatch: number) => Batch;
  /** Tokens in one micro-batch. */
  tokensPerBatch: number;
  /** Of the depth and dropout streams. */
  seed: number;
  /** Gradients are summed over this many micro-batches of each update; 1 when absent. */
  microBatches?: number;
  /** Largest global gradient norm; 1 as in the release [R] when absent. */
  clipNorm?: number;
  /** Runs every layer a second time on the way back instead of keeping its inner values; false when absent. */
  gradientCheckpointing?: boolean;
  /** Continues after this many updates: model and optimizer stand as they stood then. */
  startStep?: number;
}

/** What one update did. */
export interface StepRecord {
  step: number;
  /** Mean training loss in nats. */
  loss: number;
  /** Layers executed, averaged over micro-batches. */
  depth: number;
  /** N */
  uniqueLayers: number;
  learningRate: number;
  /** Global norm before clipping. */
  gradNorm: number;
  modelFlops: number;
  /** Model FLOPs without the head. */
  layerFlops: number;
  executedFlops: number;
  elapsedMs: number;
  tokens: number;
  /** Layers that learned, where not all did. */
  trainedLayers?: number;
  /** Groups of layers that are tied from this update on, where the method changed their number. */
  tiedGroups?: number;
  /** What was executed, per micro-batch. */
  plans: readonly StepPlan[];
}

/** The end of a run whose loss or gradient is no number: another attempt would end like it. */
export class DivergenceError extends Error {}

/**
 * Trains, one update per iteration, and yields a record after each; the caller may look at the model between updates and
 * stop at any time. The call itself checks the options and, at the beginning of a run, lets the method prepare the layers.
 * @throws when the method is made for another depth than the model's or a number is out of range; when a plan names a layer that
 * the stage does not have; {@link DivergenceError} when a loss or gradient is not finite, naming the step: the model then stands as
 * before that step.
 */
export function train<Batch>(options: TrainingOptions<Batch>): Generator<StepRecord, void, void> {
  const { model, method, startStep = 0 } = options;
  checkOptions(options);
  if (startStep === 0) method.gradientRule?.begin(model.blocks);
  return updates(options);
}

function* updates<Batch>(options: TrainingOptions<Batch>): Generator<StepRecord, void, void> {
  const { model, method, optimizer, startStep = 0 } = options;
  let uniqueLayers = method.stages[0].uniqueLayers;
  for (const stage of method.stages) {
    if (stage.firstStep > 0 && stage.firstStep >= startStep) {
      method.grow({ blocks: model.blocks, optimizer, from: uniqueLayers, to: stage.uniqueLayers });
    }
    uniqueLayers = stage.uniqueLayers;
    for (let step = Math.max(stage.firstStep, startStep); step < stage.endStep; step++) {
      yield update(options, step, uniqueLayers);
    }
  }
}

function checkOptions<Batch>({
  model,
  method,
  microBatches = 1,
  clipNorm = 1,
  startStep = 0,
  seed,
}: TrainingOptions<Batch>): void {
  const { uniqueLayers } = method.stages[method.stages.length - 1];
  const fullDepth = method.planFullDepth(uniqueLayers).positions.length;
  if (fullDepth !== model.blocks.length || uniqueLayers > fullDepth)
    throw new Error(`train: ${method.name} is made for ${fullDepth} layers, the model has ${model.blocks.length}`);
  if (!(Number.isSafeInteger(microBatches) && microBatches >= 1))
    throw new Error(`train: microBatches must be a whole number from 1, not ${microBatches}`);
  if (!(Number.isSafeInteger(startStep) && startStep >= 0))
    throw new Error(`train: startStep must be a whole number from 0, not ${startStep}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`train: the seed must be a whole number, not ${seed}`);
  checkClipNorm(clipNorm);
}

/** One step: draw a depth, map the layers, one loss, one backward, one update. */
function update<Batch>(options: TrainingOptions<Batch>, step: number, uniqueLayers: number): StepRecord {
  const { model, method, optimizer, microBatches = 1, clipNorm = 1 } = options;
  const began = performance.now();
  const learningRate = options.learningRate(step);
  const plans = Array.from({ length: microBatches }, (_, microBatch) =>
    planOf(options, step, microBatch, uniqueLayers),
  );
  model.train();
  const { result: losses, flops } = countFlops(() =>
    plans.map((plan, microBatch) => accumulateGradients(options, plan, step, microBatch)),
  );
  const loss = losses.reduce((a, b) => a + b, 0) / microBatches;

  const parameters = model.parameters();
  if (method.sharedGradient === "mean") {
    averageOverUses(model.blocks, plans, ({ grad }, factor) => {
      kernelsFor(grad!.dtype).scale(grad!.numbers, grad!.numbers, factor);
    });
  }
  const told = method.gradientRule?.apply({ step, blocks: model.blocks });
  const gradNorm = gradientNorm(parameters);
  if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
    model.zeroGrad();
    const advice =
      step === 0
        ? "nothing was learned before, so the first weights or the data are at fault"
        : "a lower learning rate may help";
    throw new DivergenceError(
      `training stopped at step ${step}: loss ${loss}, gradient norm ${gradNorm}, learning rate ${learningRate}; ${advice}`,
    );
  }
  optimizer.step({ learningRate, gradientScale: clipCoefficient(gradNorm, clipNorm) });
  for (const parameter of parameters) parameter.zeroGrad();

  const depth = plans.reduce((total, plan) => total + plan.positions.length, 0) / microBatches;
  const tokens = options.tokensPerBatch * microBatches;
  const [{ trainable }] = plans;
  return {
    step,
    loss,
    depth,
    uniqueLayers,
    learningRate,
    gradNorm,
    ...flopsOf(flops),
    elapsedMs: performance.now() - began,
    tokens,
    plans,
    ...(trainable !== "all" && { trainedLayers: trainable.length }),
    ...told,
  };
}

function planOf<Batch>(
  options: TrainingOptions<Batch>,
  step: number,
  microBatch: number,
  uniqueLayers: number,
): StepPlan {
  const { model, method, seed } = options;
  const draw = method.depthDraw === "step" ? 0 : microBatch;
  const plan = method.planStep({
    step,
    uniqueLayers,
    targetDepth: model.blocks.length,
    uniform: Random.stream(seed, `depth ${step} ${draw}`).uniform(),
    random: () => Random.stream(seed, `path ${step} ${draw}`),
  });
  validateStepPlan(plan, uniqueLayers);
  return plan;
}

/** Forward and backward of one micro-batch; a layer's uses add up in its parameters' gradients. @returns the loss. */
function accumulateGradients<Batch>(
  options: TrainingOptions<Batch>,
  plan: StepPlan,
  step: number,
  microBatch: number,
): number {
  const { model, batchAt, seed, microBatches = 1, gradientCheckpointing } = options;
  const run = () => {
    const dropoutKey = DropoutKey.from(seed).at(step).at(microBatch);
    const path = sharedPath(model.blocks, plan);
    const frozenEmbeddings = plan.freezesEmbeddings;
    const loss = model.loss(batchAt(step, microBatch), { path, dropoutKey, gradientCheckpointing, frozenEmbeddings });
    (microBatches === 1 ? loss : loss.mul(1 / microBatches)).backward();
    return loss.item();
  };
  return scope(() => withTrainable(model.blocks, plan, () => withGrowthMasks(model, plan.growthMasks, run)));
}

function flopsOf(flops: FlopCount): Pick<StepRecord, "modelFlops" | "layerFlops" | "executedFlops"> {
  const head = flops.bySection.get("head") ?? 0;
  return { modelFlops: flops.model, layerFlops: flops.model - head, executedFlops: flops.executed };
}
