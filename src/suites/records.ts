/** A folder of run records, one file per experiment. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "../io/files.ts";
import { experimentHash, parseExperiment } from "../lab/experiment.ts";
import type { RunRecord } from "../report/run-record.ts";
import { parseRecord } from "./parse-record.ts";

export class Records {
  readonly folder: string;
  readonly #byHash = new Map<string, RunRecord>();

  /** Reads what is there; the folder need not exist. @throws naming a file that is no record. */
  constructor(folder: string) {
    this.folder = folder;
    if (!existsSync(folder)) return;
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file; records need a folder`);
    for (const file of readdirSync(folder).filter((name) => name.endsWith(SUFFIX))) {
      const path = join(folder, file);
      const record = parseRecord(readFileSync(path, "utf8"), path);
      this.#byHash.set(currentHash(record, path), record);
    }
  }

  get(hash: string): RunRecord | undefined {
    return this.#byHash.get(hash);
  }

  /** Keeps a record, in place of an earlier one of the same experiment. */
  add(record: RunRecord): void {
    const { name, seed } = record.header;
    writeWhole(join(this.folder, `${name}-seed${seed}-${record.hash}${SUFFIX}`), `${JSON.stringify(record)}\n`);
    this.#byHash.set(record.hash, record);
  }
}

const SUFFIX = ".run.json";

/** Of the record's experiment as it is read today: a field that came later, with its default, makes no other experiment of it. */
function currentHash({ experiment }: RunRecord, path: string): string {
  try {
    return experimentHash(parseExperiment(experiment));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}
