/** Run folders on disk; the only file of the report room that needs Node. */
import { appendFileSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatRecord, parseJsonLines, parseRun, type RunLog } from "./run-log.ts";

/** The names of the files in a run folder. */
export const runFileNames = {
  header: "run.json",
  experiment: "experiment.json",
  steps: "steps.jsonl",
  evaluations: "evaluations.jsonl",
} as const;

/**
 * Reads a run folder. A run that was cut may lack its JSONL files, and their last line may be half-written.
 * @throws Error naming the folder or the file, when it is missing or malformed.
 */
export function readRun(folder: string): RunLog {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
  const read = (name: string): string | undefined => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  };
  const header = read(runFileNames.header);
  if (header === undefined) throw new Error(`${folder} is not a run: it has no ${runFileNames.header}`);
  return parseRun({
    name: folder,
    header,
    experiment: read(runFileNames.experiment),
    steps: read(runFileNames.steps) ?? "",
    evaluations: read(runFileNames.evaluations) ?? "",
  });
}

/** Appends one record to a JSONL file, creating the file if need be. */
export function appendRecord(path: string, record: Parameters<typeof formatRecord>[0]): void {
  appendFileSync(path, formatRecord(record));
}

/**
 * Rewrites a JSONL file with the records that `keep` accepts, and without a half-written last line: what a run does
 * before it continues from a checkpoint that is older than its log. A missing file stays missing.
 * @throws Error naming the file and line, when a line other than the last is malformed.
 */
export function keepRecords(path: string, keep: (record: Record<string, unknown>) => boolean): void {
  if (!existsSync(path)) return;
  const records = parseJsonLines(readFileSync(path, "utf8"), path) as Record<string, unknown>[];
  const temporary = `${path}.writing`;
  writeFileSync(temporary, records.filter(keep).map(formatRecord).join(""));
  renameSync(temporary, path);
}
