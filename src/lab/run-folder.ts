/** The files of a run's folder that reports do not read. */

export const CHECKPOINT_FILE = "checkpoint.safetensors";
export const WEIGHTS_FILE = "weights.safetensors";
export const TOKENIZER_FILE = "tokenizer.json";
export const INFO_FILE = "apollo_info.jsonl";
/** Where the small model is trained that a run begins from. */
export const SMALL_MODEL_FOLDER = "small-model";
/** In the folder of a comparison, where the small models are trained that its runs begin from; none of the runs compared. */
export const SMALL_MODELS_FOLDER = "small-models";
