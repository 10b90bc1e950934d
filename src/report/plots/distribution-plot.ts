import type { TopLevelSpec } from "vega-lite";
import type { AnalysedModel } from "../model-statistics.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import { gridInk, methodColour, pictureWidth } from "../theme.ts";

const HEIGHT = 320;

/** Histograms of what the heads of several models read, as lines over each other; the first model is grey. */
export async function drawDistributions(models: readonly AnalysedModel[]): Promise<Svg> {
  const views = models.map(({ label, activations }, index) => {
    const colour = methodColour(index - 1, index === 0);
    const { edges, density } = activations;
    return {
      label,
      colour,
      values: density.map((y, bin) => ({ x: (edges[bin] + edges[bin + 1]) / 2, y, label, colour })),
    };
  });
  const svg = await renderVegaLite({
    width: pictureWidth - 90,
    height: HEIGHT,
    data: { values: views.flatMap(({ values }) => values) },
    mark: { type: "line", strokeWidth: 2, interpolate: "monotone" },
    encoding: {
      x: { field: "x", type: "quantitative", axis: { title: "what the head reads", grid: false } },
      y: { field: "y", type: "quantitative", axis: { title: "density" } },
      color: { field: "colour", type: "nominal", scale: null },
      detail: { field: "label" },
    },
    view: { stroke: gridInk },
  } as unknown as TopLevelSpec);
  return withLegend(
    svg,
    views.map(({ label, colour }): LegendEntry => ({ label, colour, mark: "line" })),
  );
}
