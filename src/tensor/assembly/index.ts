/**
 * The compiled kernels. Addresses are in bytes, sizes and strides in elements. The last parameters of each are the
 * range of units of work to do, `begin`…`end`, and, where one is needed, the address of the thread's scratch.
 */

export {
  attention,
  attentionBackward,
  attentionBackwardScratchBytes,
  attentionBlocks,
  attentionScratchBytes,
} from "./attention";
export { cachedAttention, cachedAttentionScratchBytes } from "./cached-attention";
export * from "./elementwise";
export { multiplyTileRepeatedly } from "./ceiling";
export { matmul, matmulScratchBytes } from "./matmul";
export * from "./movement";
export { argmax, layerNormParametersBackward, maxColumns, maxRows, sumChunks, sumColumns, sumRows } from "./reductions";
export { multiplyRow } from "./row-product";
export {
  crossEntropy,
  crossEntropyBackward,
  layerNorm,
  layerNormBackward,
  logSoftmax,
  residualLayerNorm,
  softmax,
  softmaxBackward,
} from "./rows";
export { adamw, squareChunks } from "./tensor-lists";
