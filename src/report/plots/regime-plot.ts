import type { TopLevelSpec } from "vega-lite";
import { nameOfPoint, type RegimeComparison } from "../regime-comparison.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import { mean } from "../statistics.ts";
import { finished } from "../suite-table.ts";
import { gridInk, ink, methodColour, mutedInk, pictureWidth } from "../theme.ts";

const ROW_HEIGHT = 22;
/** Of the names of points, left of the panels. */
const NAMES_WIDTH = 280;

/** End loss against the target's, and saved FLOPs, of every recipe at every point; a line spans the seeds. */
export async function drawRegime({ points }: RegimeComparison): Promise<Svg> {
  const { target, rows } = points[0].comparison;
  const labels = rows.map(({ label }) => label).filter((label) => label !== target);
  const recipes = labels.map((label, index) => ({ label, colour: methodColour(index, false) }));
  const values = points.flatMap((point) =>
    recipes.flatMap(({ label, colour }) => {
      const seeds = finished(point.comparison.rows.find((row) => row.label === label)?.seeds ?? []);
      const differences = seeds.flatMap(({ difference }) => (difference === null ? [] : [difference]));
      if (differences.length === 0) return [];
      const savings = seeds.flatMap(({ savings }) => (typeof savings.flops === "number" ? [savings.flops] : []));
      const isReached = savings.length > 0;
      return [
        {
          ...{ point: nameOfPoint(point), label, colour, whole: 1, reached: savings.length / seeds.length },
          ...{ difference: mean(differences), low: Math.min(...differences), high: Math.max(...differences) },
          ...(isReached && {
            saved: 100 * mean(savings),
            savedLow: 100 * Math.min(...savings),
            savedHigh: 100 * Math.max(...savings),
          }),
        },
      ];
    }),
  );
  const names = points.map(nameOfPoint);
  const panel = (options: {
    field: string;
    range: [string, string];
    opacity: string;
    title: string;
    isNamed: boolean;
  }) => {
    const { field, range, opacity, title, isNamed } = options;
    const y = {
      field: "point",
      type: "nominal",
      scale: { domain: names },
      axis: { title: null, labels: isNamed, labelLimit: 0, ticks: false, domain: false, grid: true },
    };
    const place = {
      y,
      yOffset: { field: "label", type: "nominal", scale: { domain: labels, paddingOuter: 0.6 } },
      color: { field: "colour", type: "nominal", scale: null },
    };
    return {
      width: (pictureWidth - NAMES_WIDTH - 60) / 2,
      height: ROW_HEIGHT * names.length,
      data: { values: values.filter((value) => field in value) },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 2, opacity: 0.5 },
          encoding: { ...place, x: { field: range[0], type: "quantitative" }, x2: { field: range[1] } },
        },
        {
          mark: { type: "point", filled: true, size: 55 },
          encoding: {
            ...place,
            opacity: { field: opacity, type: "quantitative", scale: null },
            x: { field, type: "quantitative", axis: { title, grid: false, tickCount: 6 } },
          },
        },
        { data: { values: [{}] }, mark: { type: "rule", color: ink }, encoding: { x: { datum: 0 } } },
      ],
      view: { stroke: gridInk },
    };
  };
  const svg = await renderVegaLite({
    hconcat: [
      panel({
        ...{ field: "difference", range: ["low", "high"], opacity: "whole", isNamed: true },
        title: `end loss minus that of ${target}, nats`,
      }),
      panel({
        ...{ field: "saved", range: ["savedLow", "savedHigh"], opacity: "reached", isNamed: false },
        title: `FLOPs saved to the end of ${target}, % (none: not reached)`,
      }),
    ],
    spacing: 20,
    config: { axis: { labelColor: mutedInk } },
  } as unknown as TopLevelSpec);
  return withLegend(
    svg,
    recipes.map(({ label, colour }): LegendEntry => ({ label, colour, mark: "dot" })),
  );
}
