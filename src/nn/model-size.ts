/** The sizes of a transformer, and the presets that have names. */

import { formatShape, ShapeError } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface ModelSize {
  /** Target depth L. */
  layers: number;
  hidden: number;
  heads: number;
  /** Longest sequence in tokens. */
  context: number;
  vocabulary: number;
}

/** Sizes by name: the paper's Table 5 [P], and smaller ones for a laptop. */
export const PRESETS = {
  "gpt-tiny": { layers: 4, hidden: 64, heads: 4, context: 32, vocabulary: 512 },
  "gpt-mini": { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 },
  "gpt-small": { layers: 12, hidden: 512, heads: 8, context: 1024, vocabulary: 50257 },
  "gpt-base": { layers: 12, hidden: 768, heads: 12, context: 1024, vocabulary: 50257 },
  "bert-tiny": { layers: 4, hidden: 64, heads: 4, context: 32, vocabulary: 512 },
  "bert-mini": { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 },
  "bert-small": { layers: 12, hidden: 512, heads: 8, context: 512, vocabulary: 30522 },
  "bert-base": { layers: 12, hidden: 768, heads: 12, context: 512, vocabulary: 30522 },
  "bert-large": { layers: 24, hidden: 1024, heads: 16, context: 512, vocabulary: 30522 },
} as const satisfies Record<string, ModelSize>;

/** What the models of a family have where nothing else is said. */
export const FAMILY_DEFAULTS = {
  gpt: { norm: "pre", activation: "gelu-tanh", epsilon: 1e-5 },
  bert: { norm: "post", activation: "gelu", epsilon: 1e-12 },
} as const;

export type PresetName = keyof typeof PRESETS;

/** @throws naming a size that is no whole number from 1; a model may do without layers. */
export function checkModelSize(size: ModelSize): ModelSize {
  for (const [name, value] of Object.entries(size)) {
    const least = name === "layers" ? 0 : 1;
    if (!(Number.isSafeInteger(value) && value >= least))
      throw new Error(`model size: ${name} must be a whole number from ${least}, not ${value}`);
  }
  return size;
}

/** The length T of token ids [B, T]. @throws when they are no batch of sequences or longer than the context. */
export function checkTokens(ids: Tensor, context: number): number {
  if (ids.rank !== 2) throw new ShapeError(`token ids must be [batch, tokens], not ${formatShape(ids.shape)}`);
  const tokens = ids.shape[1];
  if (tokens > context) throw new ShapeError(`${tokens} tokens do not fit a context of ${context}`);
  return tokens;
}
