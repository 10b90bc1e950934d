/** The table of transfer: what pre-training cost, and what the encoders did on the tasks. */

import { formatLoss, formatPercent } from "./format.ts";
import { mean, standardDeviation } from "./statistics.ts";
import { markdownTable, NONE, spread, type TextTable } from "./suite-table.ts";
import type { TransferMode, TransferRecord, TransferResult } from "./transfer-record.ts";

/** One column of scores. */
interface TaskColumn {
  task: string;
  mode: TransferMode;
}

const percent = (share: number) => (100 * share).toFixed(1);
const signed = (share: number) => `${share < 0 ? "−" : "+"}${percent(Math.abs(share))}`;

/** The task's own metric. */
const scoreOf = ({ scores }: TransferResult) => Object.values(scores)[0];

const find = ({ results }: TransferRecord, column: TaskColumn) =>
  results.find(({ task, mode }) => task === column.task && mode === column.mode);

/** The columns that records have results for, as they come; probes last. */
function columnsOf(records: readonly TransferRecord[]): TaskColumn[] {
  const columns = new Map<string, TaskColumn>();
  for (const { results } of records)
    for (const { task, mode } of results) columns.set(`${mode} ${task}`, { task, mode });
  return [...columns.values()].sort((a, b) => Number(a.mode === "probe") - Number(b.mode === "probe"));
}

const headOf = ({ task, mode }: TaskColumn) => (mode === "probe" ? `${task}, probe` : task);

/** Mean over tasks of one mode, where a record has all of them. */
function averageOf(record: TransferRecord, columns: readonly TaskColumn[], mode: TransferMode): number | undefined {
  const scores = columns
    .filter((column) => column.mode === mode)
    .map((column) => find(record, column))
    .map((result) => (result === undefined ? Number.NaN : scoreOf(result)));
  const average = mean(scores);
  return Number.isNaN(average) ? undefined : average;
}

const defined = <Value>(values: readonly (Value | undefined)[]) => values.filter((value) => value !== undefined);

/**
 * One row per way of pre-training: seeds, its FLOPs as a share of the target's, the loss that it ended with, and in percent the
 * tasks' own metrics, mean ± standard deviation over seeds.
 * @param labels of the rows, in order; the first is the target.
 */
export function transferTable(records: readonly TransferRecord[], labels: readonly string[]): TextTable {
  const columns = columnsOf(records);
  const target = records.filter(({ label }) => label === labels[0]);
  return {
    rowHead: "pre-training",
    columns: [
      ...["seeds", "FLOPs", "with small model", "validation loss"].map((head) => ({ head })),
      ...columns.map((column) => ({ head: headOf(column) })),
      { head: "mean" },
      ...(columns.some(({ mode }) => mode === "probe") ? [{ head: "mean of probes" }] : []),
    ],
    rows: labels.map((label) => {
      const own = records.filter((record) => record.label === label);
      const losses = defined(own.map(({ pretraining }) => pretraining?.loss));
      const scores = (column: TaskColumn) => defined(own.map((record) => find(record, column))).map(scoreOf);
      const averages = (mode: TransferMode) => defined(own.map((record) => averageOf(record, columns, mode)));
      return {
        label,
        cells: [
          String(own.length),
          ...costsOf(own, target),
          losses.length === 0 ? NONE : formatLoss(mean(losses)),
          ...columns.map((column) => spread(scores(column), percent)),
          spread(averages("fine-tuned"), percent),
          ...(columns.some(({ mode }) => mode === "probe") ? [spread(averages("probe"), percent)] : []),
        ],
      };
    }),
  };
}

/** FLOPs, and FLOPs with the small model's, as shares of the target's of the same seed. */
function costsOf(own: readonly TransferRecord[], target: readonly TransferRecord[]): string[] {
  const shares = [0, 1].map((counted) =>
    defined(
      own.map(({ pretraining, seed }) => {
        const whole = target.find((record) => record.seed === seed)?.pretraining?.modelFlops;
        if (pretraining === undefined || whole === undefined) return undefined;
        return (pretraining.modelFlops + counted * (pretraining.smallModelFlops ?? 0)) / whole;
      }),
    ),
  );
  const hasSmall = own.some(({ pretraining }) => pretraining?.smallModelFlops !== undefined);
  const cell = (values: readonly number[]) => (values.length === 0 ? NONE : formatPercent(mean(values), 0));
  return [cell(shares[0]), hasSmall ? cell(shares[1]) : NONE];
}

/** A way of pre-training against the target on one column, seed by seed. */
export interface TransferDifference {
  label: string;
  column: string;
  /** Score minus the target's, paired by seed. */
  differences: number[];
}

/** Every row against the first, on every column and on the means. */
export function transferDifferences(
  records: readonly TransferRecord[],
  labels: readonly string[],
): TransferDifference[] {
  const columns = columnsOf(records);
  const modes = [...new Set(columns.map(({ mode }) => mode))];
  const measures: [string, (record: TransferRecord) => number | undefined][] = [
    ...columns.map((column): [string, (record: TransferRecord) => number | undefined] => [
      headOf(column),
      (record) => {
        const result = find(record, column);
        return result && scoreOf(result);
      },
    ]),
    ...modes.map((mode): [string, (record: TransferRecord) => number | undefined] => [
      mode === "probe" ? "mean of probes" : "mean",
      (record) => averageOf(record, columns, mode),
    ]),
  ];
  return labels.slice(1).flatMap((label) =>
    measures.map(([column, measure]) => ({
      label,
      column,
      differences: defined(
        records
          .filter((record) => record.label === label)
          .map((record) => {
            const target = records.find((other) => other.label === labels[0] && other.seed === record.seed);
            const [mine, theirs] = [measure(record), target && measure(target)];
            return mine === undefined || theirs === undefined ? undefined : mine - theirs;
          }),
      ),
    })),
  );
}

/** Differences to the target in percentage points, mean ± standard deviation over seeds; a star marks what lies outside of the 95 % that
 * chance alone would give (Student's t): one in twenty does so by chance. */
export function differenceTable(records: readonly TransferRecord[], labels: readonly string[]): TextTable {
  const all = transferDifferences(records, labels);
  const columns = [...new Set(all.map(({ column }) => column))];
  return {
    rowHead: `minus ${labels[0]}, points`,
    columns: columns.map((head) => ({ head })),
    rows: labels.slice(1).map((label) => ({
      label,
      cells: columns.map((column) => {
        const { differences } = all.find((one) => one.label === label && one.column === column)!;
        return `${spread(differences, signed)}${isClear(differences) ? " *" : ""}`;
      }),
    })),
  };
}

/** Student's t by number of seeds, from 3 on: within so many standard errors of its mean a true 0 stays in 95 % of the cases. */
const STUDENT_T = [4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

function isClear(differences: readonly number[]): boolean {
  const error = standardDeviation(differences) / Math.sqrt(differences.length);
  const bound = STUDENT_T[Math.min(differences.length - 3, STUDENT_T.length - 1)];
  return bound !== undefined && Math.abs(mean(differences)) > bound * error;
}

/** Both tables in Markdown. */
export function transferMarkdown(records: readonly TransferRecord[], labels: readonly string[]): string {
  return `${[transferTable, differenceTable].map((make) => markdownTable(make(records, labels))).join("\n\n")}\n`;
}
