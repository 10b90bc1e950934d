import type { TopLevelSpec } from "vega-lite";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import type { StreamProfile } from "../stream-profile.ts";
import { gridInk, METHOD_COLOURS, methodColour, pictureWidth } from "../theme.ts";

const HEIGHT = 340;
/** End loss against what attention adds in the first layer, a dot per run; and the rank of the stream layer by layer. */
export async function drawStreams(profiles: readonly StreamProfile[]): Promise<Svg> {
  const names = [...new Set(profiles.map(({ name }) => name))];
  const looks = names.map((name, index) => ({
    name,
    colour: methodColour(index, false),
    // Rings are names whose colours were given before.
    fill: index < METHOD_COLOURS ? 0.8 : 0,
  }));
  const lookOf = (name: string) => looks.find((look) => look.name === name)!;
  const dots = profiles.map(({ name, endLoss, layers: [{ attention }] }) => ({ ...lookOf(name), attention, endLoss }));
  const lines = profiles.flatMap(({ name, layers }, run) =>
    layers.map(({ rank }, layer) => ({ ...lookOf(name), run, layer: layer + 1, rank })),
  );
  const colour = { field: "colour", type: "nominal", scale: null };
  const width = (pictureWidth - 140) / 2;
  const svg = await renderVegaLite({
    hconcat: [
      {
        ...{ width, height: HEIGHT, data: { values: dots } },
        mark: { type: "point", size: 60 },
        encoding: {
          x: {
            ...{ field: "attention", type: "quantitative", scale: { type: "log" } },
            axis: { title: "what attention adds in layer 1, over what the stream had", grid: false },
          },
          y: {
            ...{ field: "endLoss", type: "quantitative", scale: { zero: false } },
            axis: { title: "end loss, nats per token" },
          },
          stroke: colour,
          fill: colour,
          fillOpacity: { field: "fill", type: "quantitative", scale: null },
        },
        view: { stroke: gridInk },
      },
      {
        ...{ width, height: HEIGHT, data: { values: lines } },
        mark: { type: "line", strokeWidth: 1.5, opacity: 0.8 },
        encoding: {
          x: { field: "layer", type: "quantitative", axis: { title: "layer", grid: false, format: "d" } },
          y: { field: "rank", type: "quantitative", axis: { title: "directions that the stream varies in" } },
          color: colour,
          detail: { field: "run", type: "nominal" },
        },
        view: { stroke: gridInk },
      },
    ],
    spacing: 36,
  } as unknown as TopLevelSpec);
  return withLegend(
    svg,
    looks.map(
      ({ name, colour: own, fill }): LegendEntry => ({ label: name, colour: own, mark: fill > 0 ? "dot" : "ring" }),
    ),
  );
}
