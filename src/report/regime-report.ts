/** The report of a regime as one HTML file. */

import type { Figure } from "./figures.ts";
import { escapeHtml } from "./format.ts";
import { htmlPage, paragraphs, section, underHeadings } from "./html-page.ts";
import { drawRegime } from "./plots/regime-plot.ts";
import type { RegimeComparison } from "./regime-comparison.ts";
import { regimeTable, regimeWarnings } from "./regime-table.ts";
import { parted, tableHtml } from "./table-html.ts";

/** The picture of all points that have something to show. */
export async function drawRegimeFigures(comparison: RegimeComparison): Promise<Figure[]> {
  const points = comparison.points.filter(({ comparison: { rows } }) =>
    rows.slice(1).some(({ seeds }) => seeds.some(({ difference }) => difference !== null)),
  );
  if (points.length === 0) return [];
  return [
    {
      id: "regime",
      heading: "The map",
      caption:
        "Dots are means over the seeds, lines span them. Left of 0 is better, right of 0 saves; the paler a dot on the right, the fewer seeds got there.",
      svg: await drawRegime({ ...comparison, points }),
    },
  ];
}

export function renderRegimeReport(comparison: RegimeComparison, figures: readonly Figure[]): string {
  const { title, setup, points } = comparison;
  const machines = [...new Set(points.flatMap(({ comparison: { machines } }) => machines))];
  return htmlPage(title, [
    `<header><h1>${escapeHtml(title)}</h1><p class="lead">${escapeHtml(setup)} in the middle; every point differs from it in what its name says.</p></header>`,
    ...regimeWarnings(comparison).map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    section("The numbers", parted(regimeTable(comparison)).map(tableHtml).join("")),
    ...underHeadings(figures),
    section("How it was run", paragraphs(machines)),
  ]);
}
