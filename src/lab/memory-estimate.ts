/** How much memory training will need, before anything is allocated. */

import { projectionChunkRows } from "../autograd/index.ts";
import { Bert, Gpt } from "../nn/index.ts";
import { engineAttentionScratchBytes, engineInfo } from "../tensor/engine.ts";
import { MAXIMUM_BYTES } from "../tensor/memory.ts";
import type { Experiment } from "./experiment.ts";

const FLOAT_BYTES = 4;
/** Share of the tokens whose logits BERT computes: the masked ones. */
export const MASKED_FRACTION = 0.15;

/**
 * Bytes in buffers. The system is asked for a little more, for the gaps between them: up to 8 % where it was measured, 13 %
 * with gradient checkpointing, where most buffers come and go, and 16 % in models of a few MiB.
 */
export interface MemoryEstimate {
  /** Weights, gradients and both moments of every parameter of the full depth. */
  parameterBytes: number;
  /** What one step at depth L takes beside them, at its peak. */
  activationBytes: number;
  /** Both together. */
  totalBytes: number;
}

/** What of an experiment its memory depends on. */
export interface MemoryInput {
  model: Experiment["model"];
  training: Pick<Experiment["training"], "batch" | "microBatches" | "gradientCheckpointing">;
}

/** A model of an experiment's size; its parameters do not exist in memory yet. */
export function buildModel({ model, seed }: Pick<Experiment, "model" | "seed">): Gpt | Bert {
  return model.family === "gpt" ? new Gpt({ ...model, seed }) : new Bert({ ...model, seed });
}

/**
 * Bytes that one training step at full depth needs: the largest of what is alive when the loss has been computed, at the
 * end of the way back through each layer, and when the embeddings receive their gradients. On that way the tape shrinks
 * layer by layer while the parameters' gradients come into being.
 * @param uniqueLayers those that ever stand in it, where a method never unties them all; L when absent.
 */
export function estimateMemory({
  model,
  training,
  uniqueLayers = model.layers,
}: MemoryInput & { uniqueLayers?: number }): MemoryEstimate {
  const { hidden, layers, heads, vocabulary, context, family, inner = 4 * hidden } = model;
  const tokens = training.batch * context;
  const stream = tokens * hidden;
  const isBert = family === "bert";

  // One layer is built and counted L times: no depth is too great to be told from.
  const network = buildModel({ model: { ...model, layers: 1 }, seed: 0 });
  const layerParameters = network.blocks[0].parameterCount();
  const parameters = network.parameterCount() + (uniqueLayers - 1) * layerParameters;
  // The head's own part, and the table of which its gradient arrives first.
  const headParameters = vocabulary * hidden + (network instanceof Bert ? network.head.parameterCount() : 0);

  // Both normalised inputs (2), the residual sums before them (2), the packed projection (3), the attention's output (1),
  // the inner values of the feed-forward before and after GELU (2 of their size); log-sum-exps, means and deviations.
  const wholeLayer = tokens * (8 * hidden + 2 * inner + heads + 4);
  const keptPerLayer = training.gradientCheckpointing ? stream : wholeLayer;
  // Gradients while a layer is on its way back: of the stream on both sides and of the inner values.
  const backThroughLayer = 2 * stream + tokens * inner + (training.gradientCheckpointing ? wholeLayer : 0);
  const projected = isBert ? Math.ceil(MASKED_FRACTION * tokens) : tokens;
  // The projected states, their gradient, and what the head's own layer keeps.
  const head = logitElements(projected, vocabulary) + (isBert ? 6 * projected * hidden + stream : 3 * stream);
  const embeddings = isBert ? stream : 0;
  const lookup = vocabulary * hidden + 2 * stream;

  const atLoss = layers * keptPerLayer + embeddings + head + headParameters;
  const afterLayer = (left: number) =>
    left * keptPerLayer +
    embeddings +
    backThroughLayer +
    headParameters +
    Math.min(uniqueLayers, layers - left) * layerParameters;
  const duringStep = Math.max(
    atLoss,
    // It only rises or falls from layer to layer.
    afterLayer(layers - 1) + keptPerLayer,
    afterLayer(0) + keptPerLayer,
    parameters + lookup,
  );
  // Gradients of earlier micro-batches stay; otherwise there are none before the loss.
  const held = training.microBatches > 1 ? parameters : 0;
  const parameterBytes = 4 * FLOAT_BYTES * parameters;
  const totalBytes = FLOAT_BYTES * (3 * parameters + held + duringStep) + scratchBytes(model);
  return { parameterBytes, activationBytes: totalBytes - parameterBytes, totalBytes };
}

/** What the threads keep for attention: at long contexts the blocks of its weights on the way back, and what they meet. */
function scratchBytes({ context, hidden, heads }: MemoryInput["model"]): number {
  return engineInfo().threads * engineAttentionScratchBytes({ tokens: context, headSize: hidden / heads });
}

/** Logits that stand in memory at once where `rows` of them are projected. */
function logitElements(rows: number, vocabulary: number): number {
  return Math.min(rows, projectionChunkRows(rows, vocabulary)) * vocabulary;
}

/** Tokens from which on larger evaluation batches were no faster where it was measured: their values outgrow the caches. */
const EVALUATION_TOKENS = 2048;

/**
 * Sequences of an evaluation batch: as many as are faster together, at least one, as long as they fit into what a training
 * step takes anyway. Without a backward pass only one layer's values are alive at once, or a chunk of logits after the last.
 */
export function evaluationBatch(experiment: MemoryInput): number {
  const { hidden, heads, vocabulary, context, inner = 4 * hidden } = experiment.model;
  // There are no gradients, but their place is left for gaps: blocks of other sizes than a step's rarely fill one another's.
  const freeBytes = estimateMemory(experiment).activationBytes - scratchBytes(experiment.model);
  // A layer's own values, its input, its output and what the embeddings gave; two of these beside the logits.
  const bytesOf = (tokens: number) =>
    FLOAT_BYTES *
    Math.max(tokens * (11 * hidden + 2 * inner + heads + 4), 2 * tokens * hidden + logitElements(tokens, vocabulary));
  let sequences = Math.max(1, Math.floor(EVALUATION_TOKENS / context));
  while (sequences > 1 && bytesOf(sequences * context) > freeBytes) sequences--;
  return sequences;
}

/** @throws when training cannot fit into the engine's 4 GiB, with the numbers. */
export function refuseTooLarge(experiment: MemoryInput): void {
  const { totalBytes, parameterBytes, activationBytes } = estimateMemory(experiment);
  if (totalBytes > MAXIMUM_BYTES) {
    throw new Error(
      `the model does not fit: training needs about ${formatGibibytes(totalBytes)} GiB ` +
        `(${formatGibibytes(parameterBytes)} for parameters, ${formatGibibytes(activationBytes)} for one step), the engine has ${formatGibibytes(MAXIMUM_BYTES)} GiB`,
    );
  }
}

const formatGibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(2);
