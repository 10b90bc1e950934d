/** The numbers of a regime as text, one row per point: what terminal, page and Markdown show alike. */

import { formatFixed, formatLoss } from "./format.ts";
import { nameOfPoint, type RegimeComparison } from "./regime-comparison.ts";
import { mean } from "./statistics.ts";
import type { SuiteComparison, SuiteRow } from "./suite-comparison.ts";
import { finished, NONE, savedText, signed, spread, type TextTable } from "./suite-table.ts";

interface Column {
  head: string;
  hint: string;
  cell(comparison: SuiteComparison): string;
}

/** Every recipe against the target, and every two of them that follow each other against each other. */
export function regimeTable({ points }: RegimeComparison): TextTable {
  const [{ comparison }] = points;
  const { target } = comparison;
  const others = comparison.rows.map(({ label }) => label).filter((label) => label !== target);
  const columns: Column[] = [
    { head: target, hint: "its end loss", cell: (at) => endOf(rowOf(at, target)) },
    ...others.map(
      (label): Column => ({
        head: `${label} − ${target}`,
        hint: "end loss minus that of the same seed",
        cell: (at) =>
          spread(
            finished(rowOf(at, label)?.seeds ?? []).map(({ difference }) => difference),
            signed,
          ),
      }),
    ),
    ...others.map(
      (label): Column => ({
        head: `${label} at equal FLOPs`,
        hint: `loss minus that of ${target}, where both had spent as many FLOPs as the cheaper of them in all`,
        cell: (at) =>
          spread(
            finished(rowOf(at, label)?.seeds ?? []).map(({ atEqualFlops: equal }) => equal && equal.own - equal.target),
            signed,
          ),
      }),
    ),
    ...others.slice(1).map(
      (label, index): Column => ({
        head: `${label} − ${others[index]}`,
        hint: "end loss minus that of the same seed",
        cell: (at) => spread(differences(rowOf(at, label), rowOf(at, others[index])), signed),
      }),
    ),
    ...others.map(
      (label): Column => ({
        head: `${label} saves`,
        hint: `FLOPs until the end of ${target} was reached; head included`,
        cell: (at) => savedText(rowOf(at, label)?.seeds ?? [], ({ savings }) => savings.flops),
      }),
    ),
    {
      head: "epochs",
      hint: `of ${target} over the corpus`,
      cell: (at) => {
        const seeds = finished(rowOf(at, target)?.seeds ?? []);
        return seeds.length === 0 ? NONE : formatFixed(mean(seeds.map(({ epochs }) => epochs)), 2);
      },
    },
    {
      head: "learning rates",
      hint: "the chosen peaks, in the order of the recipes",
      cell: ({ rows }) => rows.map(({ learningRate }) => learningRate ?? NONE).join(" · "),
    },
    {
      head: "seeds",
      hint: "of each recipe",
      cell: ({ rows }) => rows.map(({ seeds }) => finished(seeds).length).join(" · "),
    },
  ];
  return {
    rowHead: "point",
    columns: columns.map(({ head, hint }) => ({ head, hint })),
    rows: points.map((point) => ({
      label: nameOfPoint(point),
      cells: columns.map(({ cell }) => cell(point.comparison)),
    })),
  };
}

const rowOf = ({ rows }: SuiteComparison, label: string) => rows.find((row) => row.label === label);

function endOf(row: SuiteRow | undefined): string {
  return spread(
    finished(row?.seeds ?? []).map(({ endLoss }) => endLoss),
    formatLoss,
  );
}

/** End losses of one recipe minus those of another, for the seeds that both have. */
function differences(one: SuiteRow | undefined, other: SuiteRow | undefined): number[] {
  const ends = new Map(finished(other?.seeds ?? []).map(({ seed, endLoss }) => [seed, endLoss]));
  return finished(one?.seeds ?? []).flatMap(({ seed, endLoss }) => {
    const end = ends.get(seed);
    return end === undefined ? [] : [endLoss - end];
  });
}

/** What is missing or failed, each sentence once, behind the points that it is true of. */
export function regimeWarnings({ points }: RegimeComparison): string[] {
  const places = new Map<string, string[]>();
  for (const point of points)
    for (const warning of point.comparison.warnings)
      places.set(warning, [...(places.get(warning) ?? []), nameOfPoint(point)]);
  return [...places].map(([warning, names]) => `${names.join("; ")}: ${warning}`);
}
