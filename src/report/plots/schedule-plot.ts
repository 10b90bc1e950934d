import type { TopLevelSpec } from "vega-lite";
import type { PaperSchedules, SchedulesOfModel } from "../paper-schedules.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import { gridInk, methodColour, pictureWidth } from "../theme.ts";

const ROW_HEIGHT = 22;
/** Of the samplers' names, left of the first panel. */
const NAMES_WIDTH = 110;

const CONVENTIONS = [
  { field: "layers", label: "layers only" },
  { field: "maskedHead", label: "head on the masked positions" },
  { field: "head", label: "head on all tokens" },
] as const;

/** What each schedule costs beside Scratch, one panel per model with its first list of stages, one dot per way of counting. */
export async function drawPaperSchedules({ models }: PaperSchedules): Promise<Svg> {
  const conventions = CONVENTIONS.map((convention, index) => ({ ...convention, colour: methodColour(index, false) }));
  const names = [...firstRatios(models[0])].sort((a, b) => a.head - b.head).map(({ sampler }) => sampler);
  const panels = models.map((model, index) => {
    const shown = firstRatios(model);
    const values = shown.flatMap(({ sampler, ...ratio }) =>
      conventions.flatMap(({ field, colour }) => {
        const value = ratio[field];
        return value === undefined ? [] : [{ sampler, colour, value: 100 * value }];
      }),
    );
    return {
      title: { text: model.name, subtitle: `${shown[0].stages.join(" | ")} · ${model.schedule}` },
      width: (pictureWidth - NAMES_WIDTH - 80) / models.length,
      height: ROW_HEIGHT * names.length,
      data: { values },
      mark: { type: "point", filled: true, size: 60, opacity: 1 },
      encoding: {
        x: {
          field: "value",
          type: "quantitative",
          scale: { domain: [80, 100], nice: false },
          axis: { title: index === 1 ? "FLOPs of the whole run, % of Scratch" : null, grid: true, tickCount: 5 },
        },
        y: {
          field: "sampler",
          type: "nominal",
          scale: { domain: names },
          axis: { title: null, labels: index === 0, grid: true },
        },
        color: { field: "colour", type: "nominal", scale: null },
      },
      view: { stroke: gridInk },
    };
  });
  const svg = await renderVegaLite({
    hconcat: panels,
    spacing: 20,
    resolve: { scale: { y: "independent" } },
  } as unknown as TopLevelSpec);
  return withLegend(
    svg,
    conventions.map(({ label, colour }): LegendEntry => ({ label, colour, mark: "dot" })),
  );
}

const firstRatios = ({ ratios }: SchedulesOfModel) => ratios.filter(({ stages }) => stages === ratios[0].stages);
