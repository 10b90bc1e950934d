/** What all reports are made of: one HTML file with its styles and pictures inside, readable on light and dark pages. */

import type { Figure } from "./figures.ts";
import { escapeHtml } from "./format.ts";
import { withIdPrefix } from "./render-svg.ts";
import { darkColours, fontFamily, gridInk, ink, mutedInk, paper } from "./theme.ts";

/** A complete page; empty sections are left out. */
export function htmlPage(title: string, sections: readonly string[]): string {
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

export function section(title: string, content: string): string {
  return `<section><h2>${escapeHtml(title)}</h2>${content}</section>`;
}

/** A section per heading, with its figures in order. */
export function underHeadings(figures: readonly Figure[]): string[] {
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

export function paragraphs(notes: readonly string[]): string {
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
