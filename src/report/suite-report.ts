/** The report of a suite as one HTML file. */

import type { Figure } from "./figures.ts";
import { escapeHtml } from "./format.ts";
import { htmlPage, paragraphs, section, underHeadings } from "./html-page.ts";
import { drawSuiteLosses } from "./plots/suite-plot.ts";
import type { SuiteComparison } from "./suite-comparison.ts";
import { LEARNING_RATES_HEAD, learningRateTable, SEEDS_HEAD, seedTable, suiteTable } from "./suite-table.ts";
import { parted, tableHtml } from "./table-html.ts";

/** Every picture for which the runs have something to show. */
export async function drawSuiteFigures(comparison: SuiteComparison): Promise<Figure[]> {
  if (comparison.rows.every(({ seeds }) => seeds.every(({ status }) => status !== "finished"))) return [];
  return [
    {
      id: "suite-losses",
      heading: "Loss against cost",
      caption:
        "Validation loss at full depth (median of three evaluations), the mean of each recipe’s seeds with its best learning rate; the band " +
        `spans the seeds. Dashed line: where ${escapeHtml(comparison.target)} ends.`,
      svg: await drawSuiteLosses(comparison),
    },
  ];
}

export function renderSuiteReport(comparison: SuiteComparison, figures: readonly Figure[]): string {
  const { title, setup, warnings, target } = comparison;
  return htmlPage(title, [
    `<header><h1>${escapeHtml(title)}</h1><p class="lead">${escapeHtml(setup)}</p></header>`,
    ...warnings.map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    section(
      "What it cost to get there",
      parted(suiteTable(comparison)).map(tableHtml).join("") + paragraphs(notesOn(comparison)),
    ),
    ...underHeadings(figures),
    section("Seeds", tableHtml(seedTable(comparison)) + paragraphs([`${SEEDS_HEAD}.`])),
    section(
      "Learning rates",
      tableHtml(learningRateTable(comparison)) +
        paragraphs([`${LEARNING_RATES_HEAD}. The best one serves all seeds; ${target} was given the same choice.`]),
    ),
    section(
      "How it was run",
      placesOf(comparison)
        .map((machine) => `<p class="note">${escapeHtml(machine)}</p>`)
        .join(""),
    ),
  ]);
}

/** Where runs were made, and step times measured. */
const placesOf = ({ machines, stepTimesFrom }: SuiteComparison) =>
  stepTimesFrom === null ? machines : [...machines, `Step times: ${stepTimesFrom}`];

function notesOn({ areSecondsCalibrated, target, rows }: SuiteComparison): string[] {
  const seeds = Math.max(...rows.map((row) => row.seeds.length));
  return [
    `Losses are in nats per token. ${target}’s smoothed loss at the end of each seed is what the others of that seed are to reach; ` +
      "± is the standard deviation over the seeds, and a number of seeds in brackets says how many got there. Differences are paired by seed.",
    rows.every((row) => row.seeds.every(({ elapsedMs }) => elapsedMs === null))
      ? "Seconds are not told: what each kind of step takes alone was not measured."
      : areSecondsCalibrated
        ? "Runs shared the machine, each on one thread. Seconds are calibrated: counts of steps times what each kind of step takes when the machine does nothing else; " +
          "what an operator took to train is the clock’s, and steps under masks count as plain ones."
        : "Runs had the machine to themselves, each on one thread; seconds are the clock’s.",
    ...(seeds < 3 ? [`With ${seeds} seed${seeds === 1 ? "" : "s"} the spread says little.`] : []),
  ];
}
