/** The public names that need Node: corpora by name or path, experiments, runs, comparisons, pretrained files. */

export { loadCorpus } from "../data/corpus.ts";
export { type PrepareCorpusOptions, type PreparedCorpus, prepareCorpus } from "../data/token-cache.ts";
export {
  type FromPretrainedOptions,
  fromPretrained,
  isPretrainedFolder,
  type ModelUse,
  type Pretrained,
  type PretrainedModel,
  type SavePretrainedOptions,
  savePretrained,
} from "../pretrained/index.ts";
export { type AnalyseOptions, analyseExpansion, analyseGrowth } from "./analyse.ts";
export { type CompareOptions, compare, compareRuns, writeReport } from "./compare.ts";
export { type Experiment, type ExperimentInput, methodOf, parseExperiment, presetModel } from "./experiment.ts";
export { type ExportedModel, exportRun } from "./export-run.ts";
export { type FillMaskTextOptions, fillMaskText, type MaskFilling } from "./fill-mask-text.ts";
export { type GenerateTextOptions, generateText } from "./generate-text.ts";
export { type KernelProfile, type KernelUse, profileKernels } from "./kernel-profile.ts";
export { describeMachine } from "./machine.ts";
export { estimateMemory, type MemoryEstimate } from "./memory-estimate.ts";
export { describeModel, type OpenedModel, openModel } from "./open-model.ts";
export { planRun, type RunPlan } from "./plan.ts";
export { type RunOptions, run } from "./run.ts";
export { firstCrossing, lossAtCost, lossesAtEqualCost, saving, smooth, trainingSaving } from "./saving.ts";
export { type StepSize, type StepTime, type StepTimeOptions, timeSteps } from "./step-times.ts";
export { loadTrainedModel, materialised, type TrainedModel } from "./trained-model.ts";
