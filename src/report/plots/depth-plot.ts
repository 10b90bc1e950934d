import type { TopLevelSpec } from "vega-lite";
import { formatFixed } from "../format.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import type { RunLog, RunStage, StepRecord } from "../run-log.ts";
import { gridInk, ink, pictureWidth, stageColour } from "../theme.ts";

/** More ticks than this lie on top of each other. */
const mostTicks = 1500;

/** Whether a run has anything to show here: growth, or a choice of depths. */
export function samplesDepth(log: RunLog): boolean {
  const { stages } = log.header;
  return (
    stages.length > 1 || stages.some(({ depths }) => depths.filter(({ probability }) => probability > 0).length > 1)
  );
}

/** The depth of every step, coloured by stage; beside it, per stage, how often each depth came and how often it should. */
export async function drawSampledDepths(log: RunLog): Promise<Svg> {
  const { stages, model } = log.header;
  const height = Math.min(280, Math.max(110, 15 * model.layers));
  const histogramWidth = Math.max(38, Math.min(100, 400 / stages.length - 18));
  const stepsWidth = Math.max(280, pictureWidth - 96 - stages.length * (histogramWidth + 18));
  const y = { type: "quantitative", scale: { domain: [0.4, model.layers + 0.6], nice: false, zero: false } };
  const depthTicks = Array.from({ length: model.layers }, (_, index) => index + 1).filter(
    (depth) => model.layers <= 12 || depth % Math.ceil(model.layers / 12) === 0,
  );
  const stagesWithSteps = stages.map((stage) => log.steps.filter((step) => step.uniqueLayers === stage.uniqueLayers));

  const spec = {
    hconcat: [
      {
        width: stepsWidth,
        height,
        encoding: {
          x: {
            field: "step",
            type: "quantitative",
            scale: { domain: [0, Math.max(log.header.steps, 1)], nice: false },
            axis: { title: "step", grid: false, tickCount: 8 },
          },
        },
        layer: [
          {
            data: { values: thin(log.steps).map((step) => ({ ...tickOf(step), colour: colourOf(step, stages) })) },
            mark: { type: "rule", strokeWidth: 1.1, opacity: 0.85, clip: true },
            encoding: {
              y: {
                field: "low",
                ...y,
                axis: { title: "sampled depth, layers", values: depthTicks, domain: false, ticks: false },
              },
              y2: { field: "high" },
              color: { field: "colour", type: "nominal", scale: null },
            },
          },
        ],
        view: { stroke: gridInk },
      },
      ...stages.map((stage, index) => {
        const records = stagesWithSteps[index];
        const bars = histogram(stage, records);
        const largest = Math.max(0.01, ...bars.flatMap(({ share, expected }) => [share, expected]));
        const x = { type: "quantitative", scale: { domain: [0, 1.06 * largest], nice: false } };
        return {
          title: {
            text: `N = ${stage.uniqueLayers}`,
            subtitle: meansOf(stage, records),
            fontSize: 12,
            subtitleFontSize: 10,
            offset: 5,
          },
          width: histogramWidth,
          height,
          data: { values: bars },
          encoding: {
            y: {
              field: "low",
              ...y,
              axis: { title: null, labels: false, ticks: false, domain: false, values: depthTicks },
            },
            y2: { field: "high" },
          },
          layer: [
            {
              mark: { type: "rect", color: stageColour(index, stages.length), opacity: 0.85 },
              encoding: {
                x: {
                  field: "zero",
                  ...x,
                  axis: { title: null, format: "~%", values: [0, roundDown(largest)], grid: false, labelFlush: true },
                },
                x2: { field: "share" },
              },
            },
            {
              transform: [{ filter: "datum.expected > 0" }],
              mark: { type: "rule", color: ink, strokeWidth: 2 },
              encoding: { x: { field: "expected", ...x } },
            },
          ],
          view: { stroke: gridInk },
        };
      }),
    ],
    spacing: 18,
  };
  const legend: LegendEntry[] = stages.map((stage, index) => ({
    label: `N = ${stage.uniqueLayers}`,
    colour: stageColour(index, stages.length),
    mark: "square",
  }));
  legend.push({ label: "expected share", colour: ink, mark: "bar" });
  return withLegend(await renderVegaLite(spec as unknown as TopLevelSpec), legend);
}

function tickOf({ step, depth }: StepRecord): { step: number; low: number; high: number } {
  return { step, low: depth - 0.4, high: depth + 0.4 };
}

function thin(steps: readonly StepRecord[]): StepRecord[] {
  const every = Math.ceil(steps.length / mostTicks);
  return steps.filter((_, index) => index % every === 0);
}

function colourOf(step: StepRecord, stages: readonly RunStage[]): string {
  const index = stages.findIndex(({ uniqueLayers }) => uniqueLayers === step.uniqueLayers);
  return stageColour(Math.max(0, index), stages.length);
}

function histogram(stage: RunStage, records: readonly StepRecord[]) {
  const depths = new Set([...stage.depths.map(({ depth }) => depth), ...records.map(({ depth }) => depth)]);
  return [...depths].map((depth) => ({
    low: depth - 0.4,
    high: depth + 0.4,
    zero: 0,
    share: records.length === 0 ? 0 : records.filter((record) => record.depth === depth).length / records.length,
    expected: stage.depths.find((entry) => entry.depth === depth)?.probability ?? 0,
  }));
}

function meansOf(stage: RunStage, records: readonly StepRecord[]): string[] {
  const expected = stage.depths.reduce((total, { depth, probability }) => total + depth * probability, 0);
  const realised = records.reduce((total, { depth }) => total + depth, 0) / records.length;
  return [
    records.length === 0 ? "no steps" : `mean ${formatFixed(realised, 2)}`,
    `expected ${formatFixed(expected, 2)}`,
  ];
}

/** A share that reads well on an axis: one digit for small ones. */
function roundDown(share: number): number {
  const unit = share >= 0.1 ? 0.1 : 0.01;
  return Math.max(unit, Math.floor(share / unit + 1e-9) * unit);
}
