/** Models in Hugging Face's form, as one import for the rooms above. */

export type { ProblemType } from "./config.ts";
export { type FromPretrainedOptions, fromPretrained, isPretrainedFolder, type Pretrained } from "./from-pretrained.ts";
export type { ModelByUse, ModelUse, PretrainedModel } from "./model-use.ts";
export { type SavePretrainedOptions, savePretrained } from "./save-pretrained.ts";
