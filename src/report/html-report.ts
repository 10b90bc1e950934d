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
import { withIdPrefix } from "./render-svg.ts";
import { darkColours, fontFamily, gridInk, ink, mutedInk, paper, type RunView, viewRuns } from "./theme.ts";

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
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${sections.filter((text) => text !== "").join("\n")}
</body>
</html>
`;
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

function section(title: string, content: string): string {
  return `<section><h2>${escapeHtml(title)}</h2>${content}</section>`;
}

/** A section per heading, with its figures in order. */
function underHeadings(figures: readonly Figure[]): string[] {
  const headings = new Set(figures.map(({ heading }) => heading));
  return [...headings].map((heading) =>
    section(
      heading,
      figures
        .filter((figure) => figure.heading === heading)
        .map(figureHtml)
        .join(""),
    ),
  );
}

function figureHtml({ id, svg, caption }: Figure): string {
  return `<figure><div class="wide">${withIdPrefix(svg, `${id}-`)}</div><figcaption>${caption}</figcaption></figure>`;
}

function paragraphs(notes: readonly string[]): string {
  return notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`).join("");
}

/** A style rule beats the colour attributes of a picture, so a dark page needs no second set of pictures. */
const DARK_PICTURES = Object.entries(darkColours)
  .flatMap(([light, dark]) => [`[fill="${light}"]{fill:${dark}}`, `[stroke="${light}"]{stroke:${dark}}`])
  .join("");

const STYLE = `
:root { color-scheme: light dark; --ink: ${ink}; --muted: ${mutedInk}; --grid: ${gridInk}; --paper: ${paper}; }
body { max-width: 1100px; margin: 2.5rem auto 4rem; padding: 0 1.2rem; background: var(--paper); color: var(--ink); font: 15px/1.55 ${fontFamily}; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .8rem; }
.lead { font-size: 1.05rem; max-width: 60em; margin: 0; }
.wide + .wide { margin-top: 1.2rem; }
.note, figcaption { color: var(--muted); font-size: .88rem; max-width: 66em; }
.warning { border-left: 3px solid #c8501e; padding: .3rem .8rem; }
figure { margin: 0 0 1.6rem; }
.wide { overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; }
.swatch { margin-right: .5em; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; min-width: 100%; }
th, td { padding: .35rem .45rem; text-align: right; border-bottom: 1px solid var(--grid); font-weight: normal; }
td, tbody th { white-space: nowrap; }
thead th { color: var(--muted); vertical-align: bottom; }
thead th[title] { text-decoration: underline dotted; text-underline-offset: 3px; cursor: help; }
th:first-child, .text { text-align: left; }
tbody th { font-weight: 600; }
td.text { white-space: normal; }
details { margin-top: .6rem; font-size: .88rem; }
pre { overflow-x: auto; font-size: .8rem; }
@media (prefers-color-scheme: dark) {
:root { --ink: ${darkColours[ink]}; --muted: ${darkColours[mutedInk]}; --grid: ${darkColours[gridInk]}; --paper: ${darkColours[paper]}; }
${DARK_PICTURES}
}
`;
