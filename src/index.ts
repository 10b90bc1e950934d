/**
 * The public names that run anywhere, in Node and in browsers. What reads and writes files (corpora by name, experiments,
 * runs, comparisons) is in `apollo-ts/lab` and `apollo-ts/suites`, which need Node.
 */

export { type StepRecord, type TrainingOptions, train } from "./apollo/algorithm.ts";
export { type ApolloInfoOptions, type ApolloInfoRecord, apolloInfoRecord } from "./apollo/apollo-info.ts";
export {
  type CostSize,
  type ExpectedScheduleCost,
  expectedScheduleCost,
  headFlopsPerToken,
  layerFlopsPerToken,
  traceCost,
  trainingFlops,
} from "./apollo/cost.ts";
export {
  type DepthSampler,
  type DepthSamplerOptions,
  depthSampler,
  ES_VARIANTS,
  LVPS_VARIANTS,
  releaseDepth,
  SAMPLERS,
} from "./apollo/depth-sampler.ts";
export { doubleState } from "./apollo/growth/double-state.ts";
export { doubleWidth } from "./apollo/growth/double-width.ts";
export { type GrowLayers, growByMap, OPTIMIZER_POLICIES, type OptimizerPolicy } from "./apollo/growth/grow-layers.ts";
export { type GrowthMasks, withGrowthMasks } from "./apollo/growth/growth-masks.ts";
export { LigoOperator, type LigoOptions } from "./apollo/growth/ligo-operator.ts";
export { MangoOperator, type MangoOptions } from "./apollo/growth/mango-operator.ts";
export { unitMap, type WidthMapName, widen } from "./apollo/growth/widen.ts";
export { LAYER_MAPS, type LayerMapName, layerMap, preservesFunctionAtGrowth } from "./apollo/layer-map.ts";
export type { LayeredModel, SizedModel } from "./apollo/layered-model.ts";
export type { DescribedMethod, FirstWeightsCall, GradientRule, Method, SmallModel } from "./apollo/method.ts";
export { BOUNDARY_PRESETS, type Stage, stageAt, stagePlan } from "./apollo/schedule.ts";
export { sharedPath } from "./apollo/shared-layers.ts";
export { planFromMap, type StepPlan, usesPerWeight, validateStepPlan } from "./apollo/step-plan.ts";
export { splitGroups, TiedLayers, type TiedLayersOptions, untieAll } from "./apollo/tied-layers.ts";
export * from "./autograd/index.ts";
export * from "./data/index.ts";
export { makeCheckpoint, restoreCheckpoint } from "./io/checkpoint.ts";
export { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "./io/safetensors.ts";
export * from "./nn/index.ts";
export { AdamW, type AdamWOptions } from "./optim/adamw.ts";
export { clipCoefficient, clipGradNorm, gradientNorm } from "./optim/clip.ts";
export { LEARNING_RATE_KINDS, type LearningRateOptions, learningRateSchedule } from "./optim/learning-rate.ts";
export type { Optimizer, UpdateOptions } from "./optim/optimizer.ts";
export { Sgd } from "./optim/sgd.ts";
export { albert } from "./recipes/albert.ts";
export { type ApolloOptions, apollo } from "./recipes/apollo.ts";
export { bert2bert } from "./recipes/bert2bert.ts";
export { depthUpScaling } from "./recipes/depth-up-scaling.ts";
export { gstack } from "./recipes/gstack.ts";
export { hypercloning } from "./recipes/hypercloning.ts";
export { layerDrop } from "./recipes/layer-drop.ts";
export { lemon } from "./recipes/lemon.ts";
export { lesa } from "./recipes/lesa.ts";
export { ligo } from "./recipes/ligo.ts";
export { mango } from "./recipes/mango.ts";
export { midas } from "./recipes/midas.ts";
export { msg } from "./recipes/msg.ts";
export { mslt } from "./recipes/mslt.ts";
export { net2net } from "./recipes/net2net.ts";
export { oneLayer } from "./recipes/one-layer.ts";
export { raptr } from "./recipes/raptr.ts";
export type { Recipe } from "./recipes/recipe.ts";
export { scratch } from "./recipes/scratch.ts";
export { stackbert } from "./recipes/stackbert.ts";
export { staged } from "./recipes/staged.ts";
export { adaptiveSwe, swe } from "./recipes/swe.ts";
export type { VariantProbe } from "./tensor/choose-variant.ts";
export { configureEngine, type EngineInfo, type EngineOptions, engineInfo, engineReady } from "./tensor/engine.ts";
export { memory } from "./tensor/memory.ts";
export { Random, type RandomState } from "./tensor/random.ts";
export { keep, scope } from "./tensor/scope.ts";
export { type Shape, ShapeError } from "./tensor/shape.ts";
export type { DType } from "./tensor/storage.ts";
export { type NestedNumbers, Parameter, Tensor } from "./tensor/tensor.ts";
