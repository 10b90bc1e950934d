/** A run's model for other programs. */

import { checkSavable, classNameOf, savePretrained } from "../pretrained/index.ts";
import { checkVacant } from "./model-folder.ts";
import { naming } from "./naming.ts";
import { loadTrainedModel, materialised } from "./trained-model.ts";

/** What was written. */
export interface ExportedModel {
  /** Hugging Face's class of the model. */
  className: string;
  layers: number;
  parameters: number;
  /** Updates that the weights have seen. */
  updates: number;
}

/**
 * Writes the model of a run as a folder that Hugging Face's programs read: every layer with weights of its own, also where the
 * run was cut off while layers were shared.
 * @throws when there is a run or a model where it is to be written; when the folder is no run with weights, layers are still growing in, or Hugging Face has no class for the model.
 */
export function exportRun(folder: string, options: { out: string }): ExportedModel {
  const { out } = options;
  checkVacant(out);
  const trained = loadTrainedModel(folder);
  const model = materialised(trained, trained.path());
  naming(folder, () => checkSavable(model));
  savePretrained(out, { model, tokenizer: trained.tokenizer });
  return {
    className: classNameOf(model),
    layers: model.size.layers,
    parameters: model.parameterCount(),
    updates: trained.updates,
  };
}
