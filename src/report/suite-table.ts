/** A suite's numbers as text, one row per recipe: what terminal, page and Markdown show alike. */

import { formatFixed, formatLoss, formatPercent } from "./format.ts";
import { mean, standardDeviation } from "./statistics.ts";
import type { SeedResult, SuiteComparison, SuiteRow } from "./suite-comparison.ts";

export interface TextTable {
  /** What the rows are. */
  rowHead: string;
  /** A hint says what stands below a head, where the page can show it. */
  columns: { head: string; hint?: string }[];
  rows: { label: string; cells: string[] }[];
}

interface Column {
  head: string;
  hint: string;
  cell(row: SuiteRow, comparison: SuiteComparison): string;
}

/** Where there is nothing to tell. */
export const NONE = "–";

const COLUMNS: readonly Column[] = [
  {
    head: "seeds",
    hint: "that came to their end",
    cell: ({ seeds, missing }) =>
      missing > 0 ? `${finished(seeds).length} of ${seeds.length + missing}` : String(finished(seeds).length),
  },
  {
    head: "learning rate",
    hint: "the best peak of those tried with the first seed, by end loss",
    cell: ({ learningRate }) => (learningRate === null ? NONE : String(learningRate)),
  },
  {
    head: "end loss",
    hint: "smoothed validation loss at the end; mean ± standard deviation over the seeds",
    cell: ({ seeds }) =>
      spread(
        finished(seeds).map(({ endLoss }) => endLoss),
        formatLoss,
      ),
  },
  {
    head: "minus the target’s",
    hint: "of the same seed",
    cell: versusTarget(({ difference }) => difference, signed),
  },
  {
    head: "at equal FLOPs",
    hint:
      "loss minus the target’s, where both had spent as many FLOPs as the cheaper of them in all: " +
      "the dearer one is read before its learning rate has come down",
    cell: versusTarget(({ atEqualFlops: at }) => at && at.own - at.target, signed),
  },
  {
    head: "at equal seconds",
    hint: "the same for training time",
    cell: versusTarget(({ atEqualSeconds: at }) => at && at.own - at.target, signed),
  },
  {
    head: "saved FLOPs",
    hint: "until the target’s end was reached; head included",
    cell: savedCell(({ savings }) => savings.flops),
  },
  {
    head: "layers only",
    hint: "the same without the head’s FLOPs",
    cell: savedCell(({ savings }) => savings.layerFlops),
  },
  {
    head: "saved time",
    hint: "until the target’s end was reached; evaluation left out",
    cell: savedCell(({ savings }) => savings.seconds),
  },
  {
    head: "by training loss",
    hint: "saved FLOPs, until the target’s mean training loss of the last tenth was reached, at the depths that were drawn",
    cell: savedCell(({ trainingSaving }) => trainingSaving),
  },
  {
    head: "with small model",
    hint: "saved FLOPs, where what trained the small model counts too",
    cell: (row, comparison) =>
      row.seeds.some(({ smallModelFlops }) => smallModelFlops > 0)
        ? savedCell(({ savings }) => savings.withSmallModels)(row, comparison)
        : NONE,
  },
  {
    head: "mean depth",
    hint: "realised, in layers, stage by stage",
    cell: ({ seeds }) => {
      const [first] = finished(seeds);
      const stages = first?.meanDepthPerStage ?? [];
      return (
        stages
          .map((_, index) => formatFixed(mean(finished(seeds).map((seed) => seed.meanDepthPerStage[index])), 2))
          .join(" · ") || NONE
      );
    },
  },
  {
    head: "FLOPs",
    hint: "of the whole run, as a share of the target’s",
    cell: ({ seeds }, { rows }) => {
      const whole = mean(finished(rows[0].seeds).map(({ modelFlops }) => modelFlops));
      const own = mean(finished(seeds).map(({ modelFlops }) => modelFlops));
      return Number.isFinite(own / whole) ? formatPercent(own / whole, 0) : NONE;
    },
  },
  {
    head: "epochs",
    hint: "over the training text",
    cell: ({ seeds }) => {
      const epochs = finished(seeds).map((seed) => seed.epochs);
      return epochs.length === 0 ? NONE : formatFixed(mean(epochs), 2);
    },
  },
  {
    head: "gap",
    hint: "validation minus training loss at the end, where it ran at full depth",
    cell: ({ seeds }) =>
      spread(
        finished(seeds).map(({ trainValidationGap }) => trainValidationGap),
        signed,
      ),
  },
];

/** The comparison as a table; the target's own row says so where the others are held against it. */
export function suiteTable(comparison: SuiteComparison): TextTable {
  return {
    rowHead: "recipe",
    columns: COLUMNS.map(({ head, hint }) => ({ head, hint })),
    rows: comparison.rows.map((row) => ({ label: row.label, cells: COLUMNS.map(({ cell }) => cell(row, comparison)) })),
  };
}

export const LEARNING_RATES_HEAD =
  "End loss by learning rate, first seed; in brackets the FLOPs saved to the target’s end with the same rate";

/** One column per learning rate that was tried. */
export function learningRateTable({ rows, target }: SuiteComparison): TextTable {
  const rates = [...new Set(rows.flatMap(({ grid }) => grid.map(({ learningRate }) => learningRate)))].sort(
    (a, b) => a - b,
  );
  return {
    rowHead: "recipe",
    columns: rates.map((rate) => ({ head: String(rate), hint: "peak of the learning rate" })),
    rows: rows.map(({ label, grid }) => ({
      label,
      cells: rates.map((rate) => {
        const tried = grid.find(({ learningRate }) => learningRate === rate);
        if (tried === undefined || tried.endLoss === null) return NONE;
        if (!Number.isFinite(tried.endLoss)) return "failed";
        return withSaving(tried.endLoss, label === target ? undefined : tried.saving);
      }),
    })),
  };
}

export const SEEDS_HEAD =
  "End loss by seed, with the best learning rate; in brackets the FLOPs saved to the target’s end with the same seed";

/** One column per seed: means hide whether all differ a little, or few much. */
export function seedTable({ rows, target }: SuiteComparison): TextTable {
  const all = [...new Set(rows.flatMap(({ seeds }) => seeds.map(({ seed }) => seed)))].sort((a, b) => a - b);
  return {
    rowHead: "recipe",
    columns: all.map((seed) => ({ head: `seed ${seed}` })),
    rows: rows.map(({ label, seeds }) => ({
      label,
      cells: all.map((wanted) => {
        const result = seeds.find(({ seed }) => seed === wanted);
        if (result === undefined) return NONE;
        if (result.status === "failed") return "failed";
        return withSaving(result.endLoss, label === target ? undefined : result.savings.flops);
      }),
    })),
  };
}

/** A saving of null is "not reached". */
function withSaving(loss: number, saving: number | null | undefined): string {
  if (saving === undefined) return formatLoss(loss);
  return `${formatLoss(loss)} (${saving === null ? "not reached" : formatPercent(saving)})`;
}

/** A table in Markdown. */
export function markdownTable({ rowHead, columns, rows }: TextTable): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const heads = [rowHead, ...columns.map(({ head }) => head)];
  return [line(heads), line(heads.map(() => "---")), ...rows.map(({ label, cells }) => line([label, ...cells]))].join(
    "\n",
  );
}

export const finished = (seeds: readonly SeedResult[]) => seeds.filter(({ status }) => status === "finished");

export function signed(value: number): string {
  return value > 0 ? `+${formatLoss(value)}` : formatLoss(value);
}

/** "4.123 ± 0.010"; without ± where there is one value. */
export function spread(values: readonly (number | null | undefined)[], format: (value: number) => string): string {
  const known = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
  if (known.length === 0) return NONE;
  const middle = format(mean(known));
  if (known.length === 1) return middle;
  const deviation = format(standardDeviation(known)).replace("+", "");
  // One unit for both numbers.
  return middle.endsWith("%") ? `${middle.slice(0, -2)} ± ${deviation}` : `${middle} ± ${deviation}`;
}

function versusTarget(of: (seed: SeedResult) => number | null, format: (value: number) => string): Column["cell"] {
  return (row, { target }) => (row.label === target ? "target" : spread(finished(row.seeds).map(of), format));
}

/** Null is "not reached", undefined "no target". */
type SavingOf = (seed: SeedResult) => number | null | undefined | "too noisy";

/** "12.3 ± 0.8 %", with how many seeds got there where not all did. */
function savedCell(of: SavingOf): Column["cell"] {
  return (row, { target }) => (row.label === target ? "target" : savedText(row.seeds, of));
}

/** The same of a recipe's seeds, wherever they stand. */
export function savedText(seeds: readonly SeedResult[], of: SavingOf): string {
  const savings = finished(seeds)
    .map(of)
    .filter((value) => value !== undefined);
  if (savings.includes("too noisy")) return "too noisy";
  const failed = seeds.length - finished(seeds).length;
  if (savings.length === 0) return NONE;
  const reached = savings.filter((value) => typeof value === "number");
  // Seconds that are not known.
  if (reached.some(Number.isNaN)) return NONE;
  if (reached.length === 0) return "not reached";
  const told = spread(reached, formatPercent);
  const all = savings.length + failed;
  return reached.length === all ? told : `${told} (${reached.length} of ${all})`;
}
