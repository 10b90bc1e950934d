/** How much memory training will need, before anything is allocated. */

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
  // Logits and their gradient stand side by side; so do the stream's value and gradient around them.
  const head = projected * (2 * vocabulary + 4 * hidden) + 6 * tokens * hidden;
  const parameterBytes = 4 * FLOAT_BYTES * buildModel(experiment).parameterCount();
  const activationBytes = FLOAT_BYTES * FRAGMENTATION * (layers * perLayer + head + around);
  return {
    parameterBytes,
    activationBytes,
    totalBytes: parameterBytes + activationBytes + engineInfo().threads * THREAD_BYTES,
  };
}

/**
 * Sequences of an evaluation batch: as many as fit into what a training step takes anyway, at least one; larger batches are
 * faster. Without a backward pass little more than the logits and one layer's values are alive at once.
 */
export function evaluationBatch(experiment: Pick<Experiment, "model" | "training" | "seed">): number {
  const { hidden, vocabulary, context } = experiment.model;
  const sequenceBytes = FLOAT_BYTES * context * (vocabulary + 16 * hidden);
  return Math.max(1, Math.floor(estimateMemory(experiment).activationBytes / sequenceBytes));
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
