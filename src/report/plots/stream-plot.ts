import type { TopLevelSpec } from "vega-lite";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import type { StreamProfile } from "../stream-profile.ts";
import { gridInk, METHOD_COLOURS, methodColour, pictureWidth } from "../theme.ts";

const HEIGHT = 340;

/** End loss against what attention adds in the first layer, and against the rank of the stream behind it: a dot per run. */
export async function drawStreams(profiles: readonly StreamProfile[]): Promise<Svg> {
  const looks = [...new Set(profiles.map(({ name }) => name))].map((name, index) => ({
    name,
    colour: methodColour(index, false),
    // Rings are names whose colours were given before.
    fill: index < METHOD_COLOURS ? 0.8 : 0,
  }));
  const values = profiles.map(({ name, endLoss, layers: [{ attention, rank }] }) => ({
    ...looks.find((look) => look.name === name)!,
    ...{ attention, rank, endLoss },
  }));
  const colour = { field: "colour", type: "nominal", scale: null };
  const panel = (field: "attention" | "rank", title: string, scale: object, yTitle: string | null) => ({
    ...{ width: (pictureWidth - 110) / 2, height: HEIGHT },
    mark: { type: "point", size: 60 },
    encoding: {
      x: { field, type: "quantitative", scale, axis: { title, grid: false, tickCount: 6 } },
      y: { field: "endLoss", type: "quantitative", scale: { zero: false }, axis: { title: yTitle } },
      stroke: colour,
      fill: colour,
      fillOpacity: { field: "fill", type: "quantitative", scale: null },
    },
    view: { stroke: gridInk },
  });
  const svg = await renderVegaLite({
    data: { values },
    hconcat: [
      panel(
        "attention",
        "what attention adds in layer 1, over what the stream had",
        { type: "log" },
        "end loss, nats per token",
      ),
      panel("rank", "directions that the stream varies in behind layer 1", { zero: false }, null),
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
