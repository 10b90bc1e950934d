/** Folders that a model is to be written into: what is there must not be lost. */

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { isPretrainedFolder } from "../pretrained/index.ts";
import { runFileNames } from "../report/run-files.ts";

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
