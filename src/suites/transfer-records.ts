/** Results of Table 4 in small on disk: one file per recipe and seed. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJson, writeWhole } from "../io/files.ts";
import type { TransferRecord, TransferResult } from "../report/transfer-record.ts";
import { encoderHash, type TransferSuite, type TransferTask, taskHash, UNTRAINED } from "./transfer.ts";

/** The labels of the rows: every recipe, and the encoder that was never trained. */
export const transferLabels = ({ recipes }: TransferSuite) => [...recipes.map(({ label }) => label), UNTRAINED];

const fileOf = (records: string, label: string, seed: number) => join(records, `${label}-seed${seed}.transfer.json`);

/** The records of a folder that were made with these settings. @throws naming a file that is no record. */
export function readTransfer(suite: TransferSuite, records: string): TransferRecord[] {
  return transferLabels(suite).flatMap((label) =>
    Array.from({ length: suite.seeds }, (_, seed) => readRecord(suite, records, label, seed)).filter(
      (record) => record !== undefined,
    ),
  );
}

/** One record; undefined where there is none that was made with these settings. @throws when the file is no record. */
export function readRecord(
  suite: TransferSuite,
  records: string,
  label: string,
  seed: number,
): TransferRecord | undefined {
  const path = fileOf(records, label, seed);
  if (!existsSync(path)) return undefined;
  const record = readJson(path) as TransferRecord | null;
  if (record?.schema !== 1 || !Array.isArray(record.results)) throw new Error(`${path} is no record of transfer`);
  if (record.hash !== encoderHash(suite, label, seed)) return undefined;
  const known = new Set(suite.tasks.map(taskHash));
  return { ...record, results: record.results.filter(({ hash }) => known.has(hash)) };
}

/** Whether a row has results to come for this seed. */
export function isMissing(suite: TransferSuite, records: string, label: string, seed: number): boolean {
  const record = readRecord(suite, records, label, seed);
  return record === undefined || missingTasks(suite, record).length > 0;
}

/** The tasks that a record has no result for. */
export const missingTasks = ({ tasks }: TransferSuite, { results }: TransferRecord): TransferTask[] =>
  tasks.filter((task) => !results.some(({ hash }) => hash === taskHash(task)));

/** Adds a result, in the place of its task, and writes the record with the day's date. */
export function addResult(suite: TransferSuite, records: string, record: TransferRecord, result: TransferResult): void {
  const orderOf = ({ hash }: TransferResult) => suite.tasks.findIndex((task) => taskHash(task) === hash);
  const results = [...record.results, result].sort((a, b) => orderOf(a) - orderOf(b));
  const date = new Date().toISOString().slice(0, 10);
  writeWhole(fileOf(records, record.label, record.seed), `${JSON.stringify({ ...record, date, results }, null, 1)}\n`);
}
