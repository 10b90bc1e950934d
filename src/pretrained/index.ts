/** Models in Hugging Face's form, as one import for the rooms above. */

export type { ProblemType } from "./config.ts";
export {
  type FromPretrainedOptions,
  fromPretrained,
  isPretrainedFolder,
  modelTypeOf,
  type Pretrained,
} from "./from-pretrained.ts";
export { classNameOf, type ModelByUse, type ModelUse, type PretrainedModel } from "./model-use.ts";
export { checkSavable, type SavePretrainedOptions, savePretrained } from "./save-pretrained.ts";
