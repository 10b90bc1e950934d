/**
 * Model FLOPs in closed form: what a schedule is expected to cost before anything runs (methods A.10 [D], D.1).
 *
 * A multiply-add counts 2, attention the full s × s matrix (not halved for causality), element-wise work and the embedding
 * lookup 0, and a training step three times its forward pass. Two conventions stand side by side: layers alone, and with
 * the head, which the release's figure counts [D].
 */

import type { Stage } from "./schedule.ts";

/** What the cost of a transformer depends on. */
export interface CostSize {
  /** h */
  hidden: number;
  /** s, sequence length in tokens. */
  context: number;
  /** V */
  vocabulary: number;
  /** f, inner size of the feed-forward networks; 4h when absent. */
  inner?: number;
  /** Whether a dense h × h layer stands before the decoder, as in BERT's masked-language head. */
  headTransform?: boolean;
  /** Share of the tokens whose logits are computed, in (0, 1]: 1 when absent; 0.15 for masked positions alone. */
  projectedFraction?: number;
}

/** Forward FLOPs of one layer per token: 8h² + 4hf + 4sh, which is 24h² + 4sh where f = 4h. */
export function layerFlopsPerToken(size: Pick<CostSize, "hidden" | "context" | "inner">): number {
  const { hidden, context, inner = 4 * hidden } = size;
  checkPositive({ hidden, context, inner });
  return 8 * hidden ** 2 + 4 * hidden * inner + 4 * context * hidden;
}

/** Forward FLOPs of the head per token: (2hV + 2h² with a transform) × the projected fraction. */
export function headFlopsPerToken(size: Omit<CostSize, "context">): number {
  const { hidden, vocabulary, headTransform = false, projectedFraction = 1 } = size;
  checkPositive({ hidden, vocabulary });
  if (!(projectedFraction > 0 && projectedFraction <= 1))
    throw new Error(`cost: the projected fraction must lie in (0, 1], not be ${projectedFraction}`);
  return projectedFraction * (2 * hidden * vocabulary + (headTransform ? 2 * hidden ** 2 : 0));
}

/** c, the head in layers: what a step costs that does not scale with its depth. */
export function headInLayers(size: CostSize): number {
  return headFlopsPerToken(size) / layerFlopsPerToken(size);
}

/** Model FLOPs of training, in both conventions. */
export interface TrainingFlops {
  /** Layers alone. */
  layerFlops: number;
  /** With the head. */
  modelFlops: number;
}

/**
 * Model FLOPs of one update at depth Lt over `tokens` tokens: 3·tokens·[Lt(24h² + 4sh) + head] (D.1).
 *
 * It holds when everything trains; linear in the depth, so that an expected depth gives the expected cost.
 */
export function trainingFlops(options: { size: CostSize; depth: number; tokens: number }): TrainingFlops {
  const { size, depth, tokens } = options;
  const layerFlops = 3 * tokens * depth * layerFlopsPerToken(size);
  return { layerFlops, modelFlops: layerFlops + 3 * tokens * headFlopsPerToken(size) };
}

/** What a schedule costs beside training the full depth for as many steps. */
export interface ScheduleCost extends TrainingFlops {
  /** Σ depth over the steps, in layers. */
  executedLayers: number;
  /** T·L: the same for Scratch. */
  scratchLayers: number;
  scratchLayerFlops: number;
  scratchModelFlops: number;
  /** R of the layers alone: executedLayers/(T·L). */
  layerRatio: number;
  /** R with the head: (executedLayers + c·T)/(T·(L + c)). */
  modelRatio: number;
}

/** A stage's share of an {@link ExpectedScheduleCost}. */
export interface StageCost extends TrainingFlops {
  uniqueLayers: number;
  steps: number;
  /** E[Lt] */
  expectedDepth: number;
  /** steps·E[Lt], in layers. */
  executedLayers: number;
}

export interface ExpectedScheduleCost extends ScheduleCost {
  stages: StageCost[];
}

export interface ScheduleCostOptions {
  stages: readonly Stage[];
  /** E[Lt] in a stage, in layers. */
  expectedDepth(stage: Stage): number;
  /** L */
  targetDepth: number;
  size: CostSize;
  /** Tokens in one update; 1 when absent, which serves the ratios. */
  tokensPerStep?: number;
}

/**
 * The expected cost of a schedule, stage by stage and as the ratio R to Scratch:
 * R = [Σ_stages steps·E[Lt] + c·T]/[T·(L + c)], with c = 0 for the layers alone (A.10 [D]).
 */
export function expectedScheduleCost(options: ScheduleCostOptions): ExpectedScheduleCost {
  const { targetDepth, size, tokensPerStep = 1 } = options;
  const stages = options.stages.map((stage): StageCost => {
    const { uniqueLayers, firstStep, endStep } = stage;
    const steps = endStep - firstStep;
    const expectedDepth = options.expectedDepth(stage);
    return {
      uniqueLayers,
      steps,
      expectedDepth,
      executedLayers: steps * expectedDepth,
      ...trainingFlops({ size, depth: expectedDepth, tokens: steps * tokensPerStep }),
    };
  });
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  const executedLayers = stages.reduce((sum, stage) => sum + stage.executedLayers, 0);
  return { ...costOf({ executedLayers, steps, targetDepth, size, tokensPerStep }), stages };
}

/**
 * The cost of depths that were really drawn.
 * @param options.depths of each update; its mean over micro-batches where they differ.
 * @throws when there is no depth.
 */
export function traceCost(
  options: Omit<ScheduleCostOptions, "stages" | "expectedDepth"> & { depths: readonly number[] },
): ScheduleCost {
  const { depths, targetDepth, size, tokensPerStep = 1 } = options;
  if (depths.length === 0) throw new Error("cost: a trace needs at least one depth, this one has 0");
  const executedLayers = depths.reduce((sum, depth) => sum + depth, 0);
  return costOf({ executedLayers, steps: depths.length, targetDepth, size, tokensPerStep });
}

function costOf(options: {
  executedLayers: number;
  steps: number;
  targetDepth: number;
  size: CostSize;
  tokensPerStep: number;
}): ScheduleCost {
  const { executedLayers, steps, targetDepth, size, tokensPerStep } = options;
  checkPositive({ steps, targetDepth, tokensPerStep });
  const tokens = steps * tokensPerStep;
  const own = trainingFlops({ size, depth: executedLayers / steps, tokens });
  const scratch = trainingFlops({ size, depth: targetDepth, tokens });
  return {
    ...own,
    executedLayers,
    scratchLayers: steps * targetDepth,
    scratchLayerFlops: scratch.layerFlops,
    scratchModelFlops: scratch.modelFlops,
    layerRatio: own.layerFlops / scratch.layerFlops,
    modelRatio: own.modelFlops / scratch.modelFlops,
  };
}

function checkPositive(values: Record<string, number>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(Number.isFinite(value) && value > 0)) throw new Error(`cost: ${name} must be a number above 0, not ${value}`);
  }
}
