/** The layers and models, as one import for the rooms above. */

export { MultiHeadAttention, type MultiHeadAttentionOptions } from "./attention.ts";
export { Bert, type MaskedBatch } from "./bert.ts";
export { BertEncoder, type BertForwardOptions, type BertOptions } from "./bert-encoder.ts";
export {
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  type BertHeadOptions,
  type SpanBatch,
  type TaggedBatch,
} from "./bert-heads.ts";
export { type LayerUse, runPath, straightPath, TransformerBlock, type TransformerBlockOptions } from "./block.ts";
export { Dropout, DropoutKey } from "./dropout.ts";
export { Embedding } from "./embedding.ts";
export { type Activation, FeedForward } from "./feed-forward.ts";
export { type FillMaskOptions, fillMask, type MaskCandidate } from "./fill-mask.ts";
export { type GenerateOptions, generate, pickToken } from "./generate.ts";
export { type CausalBatch, type ForwardOptions, Gpt, type GptForwardOptions, type GptOptions } from "./gpt.ts";
export { GptForSequenceClassification } from "./gpt-heads.ts";
export { constant, initialize, normal, uniformWithin } from "./init.ts";
export { KeyValueCache, type KeyValueCacheOptions } from "./key-value-cache.ts";
export { LayerNorm } from "./layer-norm.ts";
export { Linear, type LinearOptions } from "./linear.ts";

export { FAMILY_DEFAULTS, type ModelSize, PRESETS, type PresetName } from "./model-size.ts";

export type { EncodedBatch, LabelledBatch, PaddedBatch, SequenceTargets } from "./model-with-head.ts";

export { functionalCall, Module } from "./module.ts";
