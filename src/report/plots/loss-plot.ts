import type { TopLevelSpec } from "vega-lite";
import type { Comparison } from "../comparison.ts";
import { flopUnit, formatLoss, formatPercent, timeUnit } from "../format.ts";
import { type LegendEntry, renderVegaLite, type Svg, withLegend } from "../render-svg.ts";
import { interpolate, median, trailingMedian } from "../statistics.ts";
import { gridInk, ink, mutedInk, paper, pictureWidth, type RunView, viewRuns } from "../theme.ts";

type Cost = "flops" | "seconds";

/** A point of a curve: cost in the axis's unit, loss in nats. */
interface CurvePoint {
  x: number;
  y: number;
}

interface Curve {
  view: RunView;
  validation: CurvePoint[];
  training: CurvePoint[];
  /** Validation loss at depth N while N < L. */
  shallow: CurvePoint[];
  growths: CurvePoint[];
}

/** Training losses are noise at the scale of a picture: this many medians stand for all of them. */
const trainingPoints = 120;

/**
 * Loss against model FLOPs beside loss against training time, for all runs: smoothed validation loss at full depth
 * (median of the last three evaluations), the median training loss faintly, the target as a dashed line, and a dot
 * where a run first reaches it.
 */
export async function drawLosses(comparison: Pick<Comparison, "runs" | "target">): Promise<Svg> {
  const views = viewRuns(comparison);
  const panels = (["flops", "seconds"] as const).map((cost) => lossPanel(views, comparison.target, cost));
  const svg = await renderVegaLite({ hconcat: panels, spacing: 36 } as TopLevelSpec);
  const legend: LegendEntry[] = views.map(({ label, colour }) => ({ label, colour, mark: "line" }));
  if (views.some(({ run }) => run.log.steps.length > 0)) {
    legend.push({ label: "training loss", colour: mutedInk, mark: "line", opacity: 0.35 });
  }
  if (views.some(({ run }) => run.log.header.stages.length > 1)) {
    legend.push({ label: "at depth N", colour: mutedInk, mark: "dashes" });
    legend.push({ label: "growth", colour: mutedInk, mark: "ring" });
  }
  if (views.some(({ run, isTarget }) => run.crossing !== null && !isTarget)) {
    legend.push({ label: "target reached", colour: mutedInk, mark: "dot" });
  }
  return withLegend(svg, legend);
}

function lossPanel(views: readonly RunView[], target: Comparison["target"], cost: Cost): object {
  const width = (pictureWidth - 150) / 2;
  const height = 330;
  const unit = unitOf(views, cost);
  const curves = views.map((view) => curveOf(view, cost, unit.divisor));
  const [low, high] = lossDomain(curves, target?.loss);
  const xMax =
    1.02 *
    Math.max(...curves.flatMap(({ validation, training }) => [...validation, ...training].map((p) => p.x)), 1e-9);
  const crossings = crossingsOf(views, target, cost, unit.divisor, (112 * xMax) / width);
  const x = { field: "x", type: "quantitative", scale: { domain: [0, xMax], nice: false } };
  const y = { field: "y", type: "quantitative", scale: { domain: [low, high], nice: false, zero: false } };
  const plain = { field: "colour", type: "nominal", scale: null };

  return {
    width,
    height,
    encoding: {
      x: { ...x, axis: { title: unit.title, grid: false, tickCount: 6 } },
      y: {
        ...y,
        axis: { title: cost === "flops" ? "loss, nats per token" : null, domain: false, ticks: false, tickCount: 7 },
      },
    },
    layer: [
      {
        data: { values: curves.flatMap(({ view, training }) => training.map((p) => ({ ...p, ...keyOf(view) }))) },
        mark: { type: "line", clip: true, strokeWidth: 1, opacity: 0.35 },
        encoding: { color: plain, detail: { field: "label" } },
      },
      ...(target === null
        ? []
        : [
            {
              data: { values: [{ y: target.loss }] },
              mark: { type: "rule", color: ink, strokeDash: [5, 4], strokeWidth: 1.2 },
              encoding: { x: { value: 0 }, x2: { value: width } },
            },
            {
              data: { values: [{ y: target.loss, text: `${target.run}’s end: ${formatLoss(target.loss)}` }] },
              mark: {
                type: "text",
                align: "left",
                baseline: "top",
                dx: 4,
                dy: 5,
                color: ink,
                fontSize: 11,
                limit: 0.5 * width,
              },
              encoding: { x: { value: 0 }, text: { field: "text" } },
            },
          ]),
      {
        data: { values: crossings },
        mark: { type: "rule", strokeWidth: 1.2, strokeDash: [1.5, 2.5] },
        encoding: { x: { ...x, title: null }, y: { ...y, title: null }, y2: { datum: low }, color: plain },
      },
      {
        data: { values: curves.flatMap(({ view, shallow }) => shallow.map((p) => ({ ...p, ...keyOf(view) }))) },
        mark: { type: "line", clip: true, strokeWidth: 1.6, strokeDash: [1.5, 3], strokeCap: "round" },
        encoding: { color: plain, detail: { field: "label" } },
      },
      {
        data: { values: curves.flatMap(({ view, validation }) => validation.map((p) => ({ ...p, ...keyOf(view) }))) },
        mark: { type: "line", clip: true, strokeWidth: 2.2, strokeJoin: "round" },
        encoding: { color: plain, detail: { field: "label" } },
      },
      {
        data: {
          values: curves.flatMap(({ view, growths }) =>
            growths.filter((p) => p.y <= high && p.y >= low).map((p) => ({ ...p, ...keyOf(view) })),
          ),
        },
        mark: { type: "point", size: 34, fill: paper, strokeWidth: 1.6, opacity: 1 },
        encoding: { stroke: plain },
      },
      {
        data: { values: crossings },
        mark: { type: "point", filled: true, size: 70, opacity: 1 },
        encoding: { color: plain },
      },
      {
        data: { values: crossings },
        mark: { type: "text", align: "right", baseline: "bottom", dx: -5, fontSize: 12, fontWeight: 600 },
        encoding: { y: { field: "labelY", type: "quantitative", scale: null }, text: { field: "text" }, color: plain },
        transform: [{ calculate: `${height - 6} - 17 * datum.level`, as: "labelY" }],
      },
    ],
    resolve: { scale: { color: "independent", stroke: "independent" } },
    view: { stroke: gridInk },
  };
}

function keyOf({ label, colour }: RunView): { label: string; colour: string } {
  return { label, colour };
}

function unitOf(views: readonly RunView[], cost: Cost): { divisor: number; title: string } {
  const largest = Math.max(
    1,
    ...views.map(({ run }) => sum(run.log.steps, cost === "flops" ? "modelFlops" : "elapsedMs")),
  );
  if (cost === "flops") {
    const { divisor, unit, power } = flopUnit(largest);
    return { divisor, title: `training cost, ${unit} (${power} model FLOPs)` };
  }
  const { divisor, unit } = timeUnit(largest);
  const calibrated = views.some(({ run }) => run.calibratedElapsedMs !== undefined);
  return { divisor, title: `training time, ${unit}${calibrated ? " (calibrated)" : ""}` };
}

function curveOf(view: RunView, cost: Cost, divisor: number): Curve {
  const { log, calibratedElapsedMs } = view.run;
  const calibrated = cost === "seconds" ? calibratedElapsedMs : undefined;
  const smoothed = trailingMedian(log.evaluations.map(({ loss }) => loss));
  const validation = log.evaluations
    .map((evaluation, index) => ({
      x: (calibrated?.[index] ?? (cost === "flops" ? evaluation.modelFlops : evaluation.elapsedMs)) / divisor,
      y: smoothed[index],
      step: evaluation.step,
    }))
    .filter(({ y }) => Number.isFinite(y));
  const lossAtCost = validation.map(({ x, y }) => ({ x, y }));
  // An evaluation right at a growth still shows the model before it.
  const lastGrowth = log.header.stages.length > 1 ? log.header.stages[log.header.stages.length - 1].firstStep : -1;
  const shallowSmoothed = trailingMedian(log.evaluations.map(({ lossAtUniqueDepth }) => lossAtUniqueDepth));
  const costAtStep = validation.map(({ step, x }) => ({ x: step, y: x }));
  const growths =
    validation.length === 0 ? [] : log.header.stages.slice(1).filter(({ firstStep }) => firstStep < log.steps.length);
  return {
    view,
    validation: lossAtCost,
    shallow: validation
      .map(({ x, step }, index) => ({ x, step, y: shallowSmoothed[index] }))
      .filter(({ step, y }) => step <= lastGrowth && Number.isFinite(y)),
    // The clock of the steps is not the calibrated one.
    training: calibrated === undefined ? trainingCurve(view, cost, divisor) : [],
    growths: growths.map(({ firstStep }) => {
      const x = interpolate(costAtStep, firstStep);
      return { x, y: interpolate(lossAtCost, x) };
    }),
  };
}

function trainingCurve({ run }: RunView, cost: Cost, divisor: number): CurvePoint[] {
  const steps = run.log.steps;
  const length = Math.max(1, Math.ceil(steps.length / trainingPoints));
  const points: CurvePoint[] = [];
  let spent = 0;
  for (let start = 0; start < steps.length; start += length) {
    const group = steps.slice(start, start + length);
    const groupCost = sum(group, cost === "flops" ? "modelFlops" : "elapsedMs");
    const y = median(group.map(({ loss }) => loss).filter(Number.isFinite));
    if (Number.isFinite(y)) points.push({ x: (spent + groupCost / 2) / divisor, y });
    spent += groupCost;
  }
  return points;
}

/** The part of the loss axis that says something: from the lowest point up to where the curves are past their first drop. */
function lossDomain(curves: readonly Curve[], target: number | undefined): [number, number] {
  const ends = curves.flatMap(({ validation }) => validation.map(({ y }) => y));
  if (target !== undefined) ends.push(target);
  if (ends.length === 0) {
    const training = curves.flatMap((curve) => curve.training.map(({ y }) => y));
    return training.length === 0 ? [0, 1] : [Math.min(...training) - 0.1, Math.max(...training) + 0.1];
  }
  const low = Math.min(...ends);
  const early = curves
    .filter(({ validation }) => validation.length > 0)
    .map(({ validation }) => interpolate(validation, 0.09 * validation[validation.length - 1].x));
  const high = Math.max(low + 0.1, target ?? low, ...early);
  const margin = 0.06 * (high - low);
  return [low - 2 * margin, high + margin];
}

function crossingsOf(
  views: readonly RunView[],
  target: Comparison["target"],
  cost: Cost,
  divisor: number,
  labelWidth: number,
): object[] {
  if (target === null) return [];
  const crossings = views
    .filter(({ run, isTarget }) => run.crossing !== null && !isTarget)
    .map((view) => {
      const { crossing, savings } = view.run;
      const saved = cost === "flops" ? savings.flops : savings.seconds;
      return {
        ...keyOf(view),
        x: (cost === "flops" ? crossing!.modelFlops : crossing!.elapsedMs) / divisor,
        y: target.loss,
        text: saved === null ? "" : `${formatPercent(saved)} saved`,
        level: 0,
      };
    })
    .sort((a, b) => a.x - b.x);
  // A label reaches to the left of its crossing: it rises by a line where it would touch one already placed there.
  for (let index = 0; index < crossings.length; index++) {
    const near = crossings.slice(0, index).filter(({ x }) => crossings[index].x - x < labelWidth);
    const taken = new Set(near.map(({ level }) => level));
    while (taken.has(crossings[index].level)) crossings[index].level++;
  }
  return crossings;
}

function sum<Key extends string>(records: readonly { [key in Key]: number }[], key: Key): number {
  return records.reduce((total, record) => total + record[key], 0);
}
