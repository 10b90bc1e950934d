import type { TopLevelSpec } from "vega-lite";
import type { Comparison } from "../comparison.ts";
import { flopUnit } from "../format.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import type { StepRecord } from "../run-log.ts";
import { median } from "../statistics.ts";
import { gridInk, pictureWidth, viewRuns } from "../theme.ts";

/** What steps of one stage and depth cost: medians over those steps. */
export interface DepthCost {
  uniqueLayers: number;
  depth: number;
  count: number;
  elapsedMs: number;
  modelFlops: number;
  executedFlops: number;
}

/** The cost of a step by N and depth. */
export function costByDepth(steps: readonly StepRecord[]): DepthCost[] {
  const groups = new Map<string, StepRecord[]>();
  for (const step of steps) {
    const key = `${step.uniqueLayers} ${step.depth}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [step]);
    else group.push(step);
  }
  return [...groups.values()]
    .map((group) => ({
      uniqueLayers: group[0].uniqueLayers,
      depth: group[0].depth,
      count: group.length,
      elapsedMs: median(group.map(({ elapsedMs }) => elapsedMs)),
      modelFlops: median(group.map(({ modelFlops }) => modelFlops)),
      executedFlops: median(group.map(({ executedFlops }) => executedFlops)),
    }))
    .sort((a, b) => a.uniqueLayers - b.uniqueLayers || a.depth - b.depth);
}

/** Milliseconds, model FLOPs and executed GFLOP/s of a step against its depth; one line per method and N. */
export async function drawStepCosts(comparison: Pick<Comparison, "runs" | "target">): Promise<Svg> {
  const views = viewRuns(comparison);
  const costs = views.flatMap(({ run, label, colour }) =>
    costByDepth(run.log.steps).map((cost) => ({
      ...cost,
      colour,
      group: `${label} ${cost.uniqueLayers}`,
      shape: `${cost.uniqueLayers}`,
      speed: cost.executedFlops / 1e6 / cost.elapsedMs,
    })),
  );
  const { divisor, unit } = flopUnit(Math.max(1, ...costs.map(({ modelFlops }) => modelFlops)));
  const values = costs.map((cost) => ({ ...cost, flops: cost.modelFlops / divisor }));
  const layers = Math.max(1, ...views.map(({ run }) => run.log.header.model.layers));
  const uniqueLayers = [...new Set(costs.map((cost) => cost.uniqueLayers))].sort((a, b) => a - b);
  const shapes = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross"];
  const panel = (field: string, title: string) => ({
    title: { text: title },
    width: (pictureWidth - 190) / 3,
    height: 210,
    data: { values },
    encoding: {
      x: {
        field: "depth",
        type: "quantitative",
        scale: { domain: [0, layers + 0.5], nice: false },
        axis: { title: "depth, layers", grid: false, format: "d", tickCount: Math.min(12, layers) },
      },
      y: {
        field,
        type: "quantitative",
        scale: { domainMin: 0, zero: true },
        axis: { title: null, tickCount: 5, domain: false, ticks: false },
      },
      color: { field: "colour", type: "nominal", scale: null },
    },
    layer: [
      { mark: { type: "line", strokeWidth: 1.2, opacity: 0.6 }, encoding: { detail: { field: "group" } } },
      {
        mark: { type: "point", filled: true, size: 46, opacity: 0.9 },
        encoding: {
          shape: {
            field: "shape",
            type: "nominal",
            legend: null,
            scale: {
              domain: uniqueLayers.map(String),
              range: uniqueLayers.map((_, index) => shapes[index % shapes.length]),
            },
          },
        },
      },
    ],
    view: { stroke: gridInk },
  });
  const spec = {
    hconcat: [
      panel("elapsedMs", "milliseconds per step"),
      panel("flops", `model ${unit} per step`),
      panel("speed", "executed GFLOP/s"),
    ],
    spacing: 30,
  };
  const legend: LegendEntry[] = views.map(({ label, colour }) => ({ label, colour, mark: "line" }));
  return withLegend(await renderVegaLite(spec as unknown as TopLevelSpec), legend);
}
