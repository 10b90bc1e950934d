import type { TopLevelSpec } from "vega-lite";
import { flopUnit, timeUnit } from "../format.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import { interpolate, mean } from "../statistics.ts";
import type { SeedResult, SuiteComparison } from "../suite-comparison.ts";
import { gridInk, ink, METHOD_COLOURS, methodColour, pictureWidth } from "../theme.ts";

/** Costs at which the seeds of a recipe are averaged. */
const POINTS = 60;
/** Where the first drop is over, as a share of the longest curve. */
const SHOWN_FROM = 0.12;
const HEIGHT = 360;
/** The height of the picture, at most, over that of the target's curve. */
const ROOM_ABOVE = 1.3;
/** Dashes tell methods apart whose colours come again. */
const DASHES = [
  [1, 0],
  [6, 3],
];

interface Recipe {
  label: string;
  colour: string;
  dash: number[];
  isTarget: boolean;
  seeds: SeedResult[];
}

type Cost = "modelFlops" | "elapsedMs";

/** Mean loss of each recipe's seeds against model FLOPs and, where they are known, against seconds; the band spans the seeds. */
export async function drawSuiteLosses(comparison: SuiteComparison): Promise<Svg> {
  let next = 0;
  const recipes = comparison.rows
    .map(({ label, seeds }): Recipe => {
      const isTarget = label === comparison.target;
      const index = isTarget ? 0 : next++;
      const dash = DASHES[Math.floor(index / METHOD_COLOURS) % DASHES.length];
      return { label, colour: methodColour(index, isTarget), dash, isTarget, seeds: seeds.filter(isFinished) };
    })
    .filter(({ seeds }) => seeds.length > 0);
  const areSecondsKnown = recipes.every(({ seeds }) => seeds.every(({ elapsedMs }) => elapsedMs !== null));
  const costs: Cost[] = areSecondsKnown ? ["modelFlops", "elapsedMs"] : ["modelFlops"];
  const svg = await renderVegaLite({
    hconcat: costs.map((cost) => panel(comparison, recipes, cost, costs.length)),
    spacing: 36,
  } as TopLevelSpec);
  const legend = recipes.map(
    ({ label, colour, dash }): LegendEntry => ({ label, colour, mark: dash[1] === 0 ? "line" : "dashes" }),
  );
  return withLegend(svg, legend);
}

const isFinished = ({ status }: SeedResult) => status === "finished";

function panel(comparison: SuiteComparison, recipes: readonly Recipe[], cost: Cost, panels: number): object {
  const largest = Math.max(1, ...recipes.flatMap(({ seeds }) => seeds.map((seed) => seed[cost] ?? 0)));
  const { divisor, title } = axisOf(cost, largest, comparison.areSecondsCalibrated);
  const values = recipes.flatMap(({ seeds, ...shown }) => {
    const curves = seeds.map(({ curve }) => curve.map((point) => ({ x: (point[cost] ?? 0) / divisor, y: point.loss })));
    const end = Math.min(...curves.map((curve) => curve.at(-1)!.x));
    return Array.from({ length: POINTS + 1 }, (_, index) => {
      const x = (end * index) / POINTS;
      const losses = curves.map((curve) => interpolate(curve, x));
      return { ...shown, x, y: mean(losses), low: Math.min(...losses), high: Math.max(...losses) };
    }).filter(({ x }) => x >= (SHOWN_FROM * largest) / divisor);
  });
  const goal = mean(
    recipes.filter(({ isTarget }) => isTarget).flatMap(({ seeds }) => seeds.map(({ endLoss }) => endLoss)),
  );
  const x = { field: "x", type: "quantitative", scale: { nice: false }, axis: { title, grid: false, tickCount: 6 } };
  const y = {
    field: "y",
    type: "quantitative",
    scale: { domain: lossRange(values), nice: false, zero: false },
    axis: { title: cost === "modelFlops" ? "validation loss, nats per token" : null, tickCount: 8 },
  };
  const colour = { field: "colour", type: "nominal", scale: null };
  return {
    width: (pictureWidth - 70 * panels) / panels,
    height: HEIGHT,
    encoding: { x },
    layer: [
      {
        data: { values },
        mark: { type: "area", opacity: 0.15, clip: true },
        encoding: { y: { ...y, field: "low" }, y2: { field: "high" }, color: colour, detail: { field: "label" } },
      },
      {
        data: { values },
        mark: { type: "line", strokeWidth: 2, clip: true },
        encoding: {
          y,
          color: colour,
          detail: { field: "label" },
          strokeDash: { field: "dash", type: "nominal", scale: null },
        },
      },
      ...(Number.isFinite(goal)
        ? [
            {
              data: { values: [{ y: goal }] },
              mark: { type: "rule", color: ink, strokeDash: [5, 4], strokeWidth: 1.2 },
              encoding: { x: { value: 0 }, x2: { value: "width" }, y: { field: "y", type: "quantitative" } },
            },
          ]
        : []),
    ],
    resolve: { scale: { color: "independent" } },
    view: { stroke: gridInk },
  };
}

/** Of all curves; but a model that is no good until it grows leaves the picture, and the others their differences. */
function lossRange(values: readonly { low: number; high: number; isTarget: boolean }[]): [number, number] {
  const highest = (shown: typeof values) => Math.max(...shown.map(({ high }) => high));
  const bottom = Math.min(...values.map(({ low }) => low));
  const targets = values.filter(({ isTarget }) => isTarget);
  const limit = targets.length === 0 ? Number.POSITIVE_INFINITY : bottom + ROOM_ABOVE * (highest(targets) - bottom);
  return [bottom - 0.02, Math.min(highest(values), limit) + 0.02];
}

function axisOf(cost: Cost, largest: number, isCalibrated: boolean): { divisor: number; title: string } {
  if (cost === "modelFlops") {
    const { divisor, unit, power } = flopUnit(largest);
    return { divisor, title: `training cost, ${unit} (${power} model FLOPs)` };
  }
  const { divisor, unit } = timeUnit(largest);
  return { divisor, title: `training time on one thread, ${unit}${isCalibrated ? " (calibrated)" : ""}` };
}
