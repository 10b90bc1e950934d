export { costByDepth, type DepthCost, drawStepCosts } from "./cost-plot.ts";
export { drawSampledDepths, samplesDepth } from "./depth-plot.ts";
export { drawLayerMaps } from "./layer-map-plot.ts";
export { drawLosses } from "./loss-plot.ts";
export { drawSamplers } from "./sampler-plot.ts";
