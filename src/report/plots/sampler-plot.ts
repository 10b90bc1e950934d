import type { TopLevelSpec } from "vega-lite";
import type { SamplerCurve } from "../comparison.ts";
import { formatFixed } from "../format.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import { gridInk, pictureWidth } from "../theme.ts";

const columns = 4;
const pmfColour = "#2568b4";
const densityColour = "#c8501e";

/** Each sampler in a panel of its own: the continuous density as a line, the probabilities on the integers as bars. */
export async function drawSamplers(samplers: readonly SamplerCurve[]): Promise<Svg> {
  const depths = samplers.flatMap(({ pmf }) => pmf.map(({ depth }) => depth));
  const first = Math.min(...depths);
  const last = Math.max(...depths);
  const legend: LegendEntry[] = [
    { label: "probability of each depth", colour: pmfColour, mark: "square", opacity: 0.45 },
    { label: "continuous density", colour: densityColour, mark: "line" },
  ];
  const spec = {
    concat: samplers.map((sampler, index) => samplerPanel(sampler, { first, last, showAxis: index % columns === 0 })),
    columns,
    spacing: { row: 24, column: 22 },
  };
  return withLegend(await renderVegaLite(spec as unknown as TopLevelSpec), legend);
}

function samplerPanel(sampler: SamplerCurve, options: { first: number; last: number; showAxis: boolean }): object {
  const { first, last, showAxis } = options;
  const mean = sampler.pmf.reduce((total, { depth, probability }) => total + depth * probability, 0);
  const scale = { domain: [0, 1.25], nice: false };
  const values = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return {
    title: { text: sampler.title, subtitle: `mean depth ${formatFixed(mean, 2)}`, offset: 6 },
    width: (pictureWidth - 64 - columns * 26) / columns,
    height: 140,
    encoding: {
      x: {
        type: "quantitative",
        scale: { domain: [first - 0.5, last + 0.5], nice: false, zero: false },
        axis: { title: "depth", format: "d", values, grid: false },
      },
    },
    layer: [
      {
        data: {
          values: sampler.pmf.map(({ depth, probability }) => ({
            low: depth - 0.36,
            high: depth + 0.36,
            zero: 0,
            p: probability,
          })),
        },
        mark: { type: "rect", color: pmfColour, opacity: 0.45 },
        encoding: {
          x: { field: "low" },
          x2: { field: "high" },
          y: {
            field: "p",
            type: "quantitative",
            scale,
            axis: {
              title: showAxis ? "probability" : null,
              labels: showAxis,
              tickCount: 5,
              domain: false,
              ticks: false,
            },
          },
          y2: { field: "zero" },
        },
      },
      {
        data: { values: sampler.density },
        mark: { type: "line", color: densityColour, strokeWidth: 2, clip: true },
        encoding: { x: { field: "x" }, y: { field: "p", type: "quantitative", scale } },
      },
    ],
    view: { stroke: gridInk },
  };
}
