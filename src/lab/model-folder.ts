/** What kind of model a folder holds, and what of it must not be lost. */

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { isPretrainedFolder } from "../pretrained/index.ts";
import { runFileNames } from "../report/run-files.ts";

/**
 * Whether a folder holds a model in Hugging Face's form, or else a run.
 * @throws naming the folder, when it holds neither.
 */
export function holdsPretrained(folder: string): boolean {
  if (isPretrainedFolder(folder)) return true;
  if (existsSync(join(folder, runFileNames.experiment))) return false;
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  throw new Error(
    `${folder} holds neither a run (${runFileNames.experiment}) nor a model in Hugging Face's form (config.json with a model_type)`,
  );
}

/** @throws naming the folder, when it is a file, or holds a run or a model in Hugging Face's form. */
export function checkVacant(folder: string): void {
  if (existsSync(folder) && !statSync(folder).isDirectory()) throw new Error(`${folder} is a file, not a folder`);
  if (existsSync(join(folder, runFileNames.experiment)))
    throw new Error(`${folder} holds a run; choose another folder`);
  checkHoldsNoModel(folder);
}

/** @throws naming the folder, when it holds a model in Hugging Face's form, whose tokenizer would be replaced. */
export function checkHoldsNoModel(folder: string): void {
  if (isPretrainedFolder(folder)) throw new Error(`${folder} holds a model; choose another folder`);
}
