/**
 * The data room, as far as it runs anywhere. What reads files is imported by its own name: `corpus.ts` and `token-cache.ts`.
 */

export type { BatchOptions, BatchState, EvaluationOptions } from "./batch-options.ts";
export { Batches, type CausalTokens, validationBatches } from "./batches.ts";
export { type TrainBpeOptions, trainBpe } from "./bpe-trainer.ts";
export { BrownDocument } from "./brown.ts";
export { cutText } from "./cut-text.ts";
export { type DetokeniseOptions, detokenise } from "./detokenise.ts";
export type { Document, TaggedSentence, TaggedToken } from "./document.ts";
export { parseJsonLines } from "./json-lines.ts";
export {
  MaskedBatches,
  type MaskedBatchOptions,
  type MaskedSequences,
  type MaskingVocabulary,
  maskedValidationBatches,
} from "./masked-batches.ts";
export { type MaskedTokens, type MaskingOptions, maskTokens } from "./masking.ts";
export { FAMILY_SPECIAL_TOKENS } from "./special-tokens.ts";
export { type DocumentSplit, type SplitOptions, splitByDocument } from "./split-by-document.ts";
export { type TokenSet, tokenise } from "./token-set.ts";
export { type EncodedPiece, type SpecialIds, Tokenizer } from "./tokenizer.ts";
export type { TokenizerJson } from "./tokenizer-json.ts";
