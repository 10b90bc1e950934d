/** How much memory training will need, before anything is allocated. */

import { projectionChunkRows } from "../autograd/index.ts";
import { Bert, Gpt } from "../nn/index.ts";
import { engineInfo } from "../tensor/engine.ts";
import { MAXIMUM_BYTES } from "../tensor/memory.ts";
import type { Experiment } from "./experiment.ts";

const FLOAT_BYTES = 4;
/** Blocks are cut and joined; what is lost between them was 2 % where it was measured. */
const FRAGMENTATION = 1.03;
/** What each thread of the engine packs matrices into. */
const THREAD_BYTES = 2 ** 20;

export interface MemoryEstimate {
  /** Weights, gradients and both moments of every parameter of the full depth. */
  parameterBytes: number;
  /** What one step at depth L keeps for its backward pass, at its peak. */
  activationBytes: number;
  /** Both, and the scratch of the engine's threads. */
  totalBytes: number;
}

/** A model of an experiment's size; its parameters do not exist in memory yet. */
export function buildModel({ model, seed }: Pick<Experiment, "model" | "seed">): Gpt | Bert {
  return model.family === "gpt" ? new Gpt({ ...model, seed }) : new Bert({ ...model, seed });
}

/**
 * Bytes that one training step at full depth needs. Per layer and token the tape keeps, in units of the hidden size:
 * both normalised inputs (2), the residual sums between (2), the packed projection (3), the attention's output (1), the
 * feed-forward's inner values before and after GELU (8), and with dropout two masked copies (2).
 */
export function estimateMemory(experiment: Pick<Experiment, "model" | "training" | "seed">): MemoryEstimate {
  const { model, training } = experiment;
  const { hidden, layers, heads, vocabulary, context } = model;
  const tokens = training.batch * context;
  // Beside the layers: BERT's sum and norm of three embeddings and its head's transform; a masked copy with dropout.
  const around = tokens * hidden * ((model.family === "bert" ? 2 : 0) + (model.dropout > 0 ? 1 : 0));
  const perLayer = tokens * (16 * hidden + heads + 4);
  const projected = model.family === "gpt" ? tokens : Math.ceil(0.15 * tokens);
  // A chunk of logits stands beside the hidden states that are projected, their gradient and BERT's transform of them.
  const head = logitElements(projected, vocabulary) + 4 * projected * hidden;
  // Gradients of the last layer: of the stream and of the feed-forward's inner values on both sides of GELU.
  const lastLayer = 9 * tokens * hidden;
  // At the end only the stream's gradient is left, and the token table receives what the lookup adds to its gradient.
  const lookup = hidden * (vocabulary + 4 * tokens);
  const parameterBytes = 4 * FLOAT_BYTES * buildModel(experiment).parameterCount();
  const atTheTop = layers * perLayer + around + Math.max(head, lastLayer);
  const activationBytes = FLOAT_BYTES * FRAGMENTATION * Math.max(atTheTop, lookup);
  return {
    parameterBytes,
    activationBytes,
    totalBytes: parameterBytes + activationBytes + engineInfo().threads * THREAD_BYTES,
  };
}

/** Logits that stand in memory at once where `rows` of them are projected. */
function logitElements(rows: number, vocabulary: number): number {
  return Math.min(rows, projectionChunkRows(rows, vocabulary)) * vocabulary;
}

/** Tokens from which on larger evaluation batches were no faster where it was measured: their values outgrow the caches. */
const EVALUATION_TOKENS = 2048;

/**
 * Sequences of an evaluation batch: as many as are faster together, at least one, as long as they fit into what a training
 * step takes anyway. Without a backward pass little more than one layer's values and a chunk of logits are alive at once.
 */
export function evaluationBatch(experiment: Pick<Experiment, "model" | "training" | "seed">): number {
  const { hidden, vocabulary, context } = experiment.model;
  const { activationBytes } = estimateMemory(experiment);
  const bytesOf = (tokens: number) => FLOAT_BYTES * (16 * hidden * tokens + logitElements(tokens, vocabulary));
  let sequences = Math.max(1, Math.floor(EVALUATION_TOKENS / context));
  while (sequences > 1 && bytesOf(sequences * context) > activationBytes) sequences--;
  return sequences;
}

/** @throws when training cannot fit into the engine's 4 GiB, with the numbers. */
export function refuseTooLarge(experiment: Pick<Experiment, "model" | "training" | "seed">): void {
  const { totalBytes, parameterBytes, activationBytes } = estimateMemory(experiment);
  if (totalBytes > MAXIMUM_BYTES) {
    throw new Error(
      `the model does not fit: training needs about ${formatGibibytes(totalBytes)} GiB ` +
        `(${formatGibibytes(parameterBytes)} for parameters, ${formatGibibytes(activationBytes)} for one step), the engine has ${formatGibibytes(MAXIMUM_BYTES)}`,
    );
  }
}

const formatGibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(2);
