/** A comparison as one HTML file: every picture inside, nothing to load, readable on light and dark pages. */

import type { Comparison, LossesAtEqualCost, Savings } from "./comparison.ts";
import type { Figure } from "./figures.ts";
import {
  escapeHtml,
  formatCount,
  formatDuration,
  formatFixed,
  formatFlops,
  formatLoss,
  formatParameters,
  formatPercent,
} from "./format.ts";
import { htmlPage, paragraphs, section, underHeadings } from "./html-page.ts";
import { type RunView, viewRuns } from "./theme.ts";

const none = "–";

/** The report of a comparison with its pictures, complete: styles and pictures are part of the text. */
export function renderReport(comparison: Comparison, figures: readonly Figure[]): string {
  const { title, notes, warnings } = comparison;
  const views = viewRuns(comparison);
  const sections = [
    `<header><h1>${escapeHtml(title)}</h1><p class="lead">${leadOf(comparison, views)}</p></header>`,
    ...warnings.map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    failuresOf(views),
    section(
      "What it cost to get there",
      tableOf(comparison, views, SAVING_COLUMNS) + tableOf(comparison, views, RUN_COLUMNS) + paragraphs(notes),
    ),
    ...underHeadings(figures),
    section("How it was run", setupOf(views)),
  ];
  return htmlPage(title, sections);
}

/** The result in one sentence per method. */
function leadOf({ target }: Comparison, views: readonly RunView[]): string {
  if (target === null) return "No finished run of Scratch sets a target here, so savings are not known.";
  const others = views.filter(({ isTarget, run }) => !isTarget && run.log.evaluations.length > 0);
  const told = others.map(({ label, run }) => {
    const { flops, seconds } = run.savings;
    const { status } = run.log.header;
    const name = `<b>${escapeHtml(label)}</b>`;
    if (status !== "finished") return `${name} ${STATUS[status]}`;
    if (flops === null || seconds === null) return `${name} does not reach it`;
    return `${name} reaches it with ${signedSaving(flops, "fewer")} FLOPs and in ${signedSaving(seconds, "less")} time`;
  });
  const goal = `The target is ${escapeHtml(target.run)}’s final validation loss, ${formatLoss(target.loss)}.`;
  return told.length === 0 ? goal : `${goal} ${told.join("; ")}.`;
}

function signedSaving(saving: number, less: "fewer" | "less"): string {
  return saving >= 0 ? `${formatPercent(saving)} ${less}` : `${formatPercent(-saving)} more`;
}

/** How a run stands that is not finished. */
const STATUS = { running: "is not finished", interrupted: "was interrupted", failed: "failed" } as const;

function failuresOf(views: readonly RunView[]): string {
  return views
    .flatMap(({ label, run }) => {
      const { status, reason } = run.log.header;
      if (status === "finished") return [];
      const why = reason === undefined ? "" : `: ${escapeHtml(reason)}`;
      return `<p class="warning"><b>${escapeHtml(label)}</b> ${STATUS[status]}${why}</p>`;
    })
    .join("\n");
}

interface Column {
  head: string;
  hint: string;
  cell(view: RunView, hasTarget: boolean): string;
}

/** How far and how cheaply. */
const SAVING_COLUMNS: Column[] = [
  { head: "end loss", hint: "smoothed validation loss at the end", cell: ({ run }) => lossOr(run.endLoss) },
  {
    head: "at equal FLOPs",
    hint: "loss, and the target run’s, where both had spent as many FLOPs as the cheaper of them in all",
    cell: ({ run, isTarget }) => (isTarget ? "target" : versus(run.atEqualFlops)),
  },
  {
    head: "at equal seconds",
    hint: "the same for training time",
    cell: ({ run, isTarget }) => (isTarget ? "target" : versus(run.atEqualSeconds)),
  },
  { head: "saved FLOPs", hint: "until the target was reached; head included", cell: savingCell("flops") },
  { head: "layers only", hint: "the same without the head’s FLOPs", cell: savingCell("layerFlops") },
  { head: "saved time", hint: "until the target was reached; evaluation left out", cell: savingCell("seconds") },
  {
    head: "by training loss",
    hint: "saved FLOPs until the smoothed training loss, at drawn depths, came down to the target run’s",
    cell: savingCell("trainingFlops"),
  },
];

/** By what means. */
const RUN_COLUMNS: Column[] = [
  {
    head: "mean depth by stage",
    hint: "realised, in layers",
    cell: ({ run }) => run.meanDepthPerStage.map((depth) => formatFixed(depth, 2)).join(" · ") || none,
  },
  {
    head: "FLOPs",
    hint: "model FLOPs of the whole run",
    cell: ({ run }) => flopsOr(run.log.evaluations.at(-1)?.modelFlops),
  },
  { head: "time", hint: "training alone", cell: ({ run }) => timeOr(run.log.evaluations.at(-1)?.elapsedMs) },
  { head: "epochs", hint: "passes over the training text", cell: ({ run }) => formatFixed(run.epochs, 2) },
  {
    head: "gap",
    hint: "validation minus training loss at the end, both at full depth",
    cell: ({ run }) => (run.trainValidationGap === null ? none : formatFixed(run.trainValidationGap, 3)),
  },
];

function versus(losses: LossesAtEqualCost | null): string {
  return losses === null ? none : `${formatLoss(losses.own)} <small>vs ${formatLoss(losses.target)}</small>`;
}

function savingCell(cost: keyof Savings): Column["cell"] {
  return ({ run, isTarget }, hasTarget) => {
    const { status } = run.log.header;
    if (isTarget) return "target";
    if (!hasTarget) return none;
    if (status !== "finished") return status;
    const saved = run.savings[cost];
    if (saved === "too noisy") return saved;
    return saved === null ? "not reached" : formatPercent(saved);
  };
}

const lossOr = (loss: number | null) => (loss === null ? none : formatLoss(loss));
const flopsOr = (flops: number | undefined) => (flops === undefined ? none : formatFlops(flops));
const timeOr = (elapsedMs: number | undefined) => (elapsedMs === undefined ? none : formatDuration(elapsedMs));

function tableOf({ target }: Comparison, views: readonly RunView[], columns: readonly Column[]): string {
  const head = columns.map(({ head, hint }) => `<th title="${escapeHtml(hint)}">${head}</th>`).join("");
  const rows = views.map((view) => {
    const cells = columns.map(({ cell }) => `<td>${cell(view, target !== null)}</td>`).join("");
    return `<tr><th scope="row">${swatch(view)}${escapeHtml(view.label)}</th>${cells}</tr>`;
  });
  return `<div class="wide"><table><thead><tr><th>method</th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function swatch({ colour }: RunView): string {
  return `<svg class="swatch" width="11" height="11" aria-hidden="true"><rect width="11" height="11" rx="2" fill="${colour}"/></svg>`;
}

function setupOf(views: readonly RunView[]): string {
  const rows = views.map((view) => {
    const { model, steps, batch, seed, runtime, continuedOn, trainTokens } = view.run.log.header;
    const continued = (continuedOn ?? [])
      .map(({ cpu, kernels, node }) => `; continued on ${cpu}, ${kernels} kernels, Node ${node}`)
      .join("");
    const size = `${model.family.toUpperCase()}, ${model.layers} layers, hidden ${model.hidden}, ${model.heads} heads, context ${model.context}, vocabulary ${formatCount(model.vocabulary)}`;
    const cells = [
      size,
      formatParameters(model.parameters),
      `${formatCount(steps)} × ${formatCount(batch * model.context)} tokens`,
      trainTokens === undefined ? none : formatCount(trainTokens),
      String(seed),
      `${runtime.cpu}, ${runtime.threads} thread${runtime.threads === 1 ? "" : "s"}, ${runtime.kernels} kernels, Node ${runtime.node}${continued}`,
    ].map((cell) => `<td class="text">${escapeHtml(cell)}</td>`);
    return `<tr><th scope="row">${swatch(view)}${escapeHtml(view.label)}</th>${cells.join("")}</tr>`;
  });
  const head = ["run", "model", "parameters", "steps", "tokens of training text", "seed", "machine"]
    .map((name) => `<th class="text">${name}</th>`)
    .join("");
  const experiments = views
    .filter(({ run }) => run.log.experiment !== undefined)
    .map(
      ({ label, run }) =>
        `<details><summary>${escapeHtml(label)}: experiment.json</summary><pre>${escapeHtml(JSON.stringify(run.log.experiment, null, 2))}</pre></details>`,
    );
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>${experiments.join("")}`;
}
