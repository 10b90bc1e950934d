/** The operations and their gradients, as one import for the rooms above. */

import "./tensor-methods.ts";

export { type BackwardOptions, backward } from "./backward.ts";
export { countFlops, type FlopCount, inFlopSection } from "./flops.ts";
export { grad, type ScalarFunction, valueAndGrad } from "./grad.ts";
export { isRecording, noGrad } from "./grad-mode.ts";
export { type GradcheckOptions, gradcheck } from "./gradcheck.ts";
export { defineOp, type Op, type OpRecord } from "./op.ts";
export {
  type AttentionOptions,
  multiHeadAttention,
  readableMultiHeadAttention,
  scaledDotProductAttention,
} from "./ops/attention.ts";
export { type CachedAttentionOptions, cachedAttention, readableCachedAttention } from "./ops/cached-attention.ts";
export {
  arange,
  type CreationOptions,
  full,
  lowerTriangle,
  oneHot,
  ones,
  randn,
  tensor,
  uniform,
  upperTriangle,
  zeros,
} from "./ops/creation.ts";
export {
  abs,
  add,
  clamp,
  div,
  dropout,
  equal,
  erf,
  exp,
  expand,
  type GeluForm,
  gelu,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  type Operand,
  pow,
  relu,
  sigmoid,
  sign,
  silu,
  sqrt,
  sub,
  tanh,
  where,
} from "./ops/elementwise.ts";
export { embedding } from "./ops/embedding.ts";
export {
  type FeedForwardCall,
  type FeedForwardWeights,
  feedForward,
  readableFeedForward,
} from "./ops/feed-forward.ts";
export { gradientCheckpoint } from "./ops/gradient-checkpoint.ts";
export { layerNorm, maskedLayerNorm, readableLayerNorm, residualLayerNorm } from "./ops/layer-norm.ts";
export { type CrossEntropyOptions, crossEntropy, meanSquaredError } from "./ops/loss.ts";
export { linear, type MatmulOptions, matmul } from "./ops/matmul.ts";
export {
  type ProjectedCrossEntropyOptions,
  projectedCrossEntropy,
  projectionChunkRows,
  readableProjectedCrossEntropy,
} from "./ops/projected-cross-entropy.ts";
export { argmax, detach, logSumExp, max, mean, min, type ReductionOptions, sum, variance } from "./ops/reduction.ts";
export {
  concat,
  gather,
  type IndexRange,
  indexSelect,
  permute,
  reshape,
  slice,
  split,
  stack,
  transpose,
} from "./ops/shaping.ts";
export { logSoftmax, type SoftmaxOptions, softmax } from "./ops/softmax.ts";
