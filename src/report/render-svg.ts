import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { escapeHtml } from "./format.ts";
import { fontFamily, ink, paper, vegaConfig } from "./theme.ts";

/** One SVG picture as text: complete, without references to anything outside. */
export type Svg = string;

/** One entry of a legend. */
export interface LegendEntry {
  label: string;
  colour: string;
  mark: "line" | "dashes" | "dot" | "ring" | "square" | "bar";
  /** 0..1, as the mark appears in the picture. */
  opacity?: number;
}

/** Draws a Vega-Lite specification in the house style, without a browser. */
export async function renderVegaLite(spec: TopLevelSpec): Promise<Svg> {
  const { spec: compiled } = compile(spec, { config: vegaConfig });
  const view = new View(parse(compiled), { renderer: "none" });
  try {
    return renumberIds(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/**
 * Puts a legend above a picture. Vega's own legend is not used: without a browser it cannot measure text and spreads
 * its entries far apart.
 */
export function withLegend(svg: Svg, entries: readonly LegendEntry[]): Svg {
  const { width, height } = sizeOfSvg(svg);
  const lineHeight = 20;
  const parts: string[] = [];
  let x = 6;
  let line = 0;
  for (const entry of entries) {
    const advance = 30 + estimateTextWidth(entry.label, 12) + 20;
    if (x > 6 && x + advance > width) {
      x = 6;
      line++;
    }
    const y = line * lineHeight + 12;
    parts.push(legendMark(entry, x, y));
    parts.push(svgText(entry.label, { x: x + 30, y: y + 4, size: 12 }));
    x += advance;
  }
  const top = (line + 1) * lineHeight + 8;
  const inner = svg.replace("<svg ", `<svg y="${top}" `);
  return svgDocument(width, height + top, parts.join("") + inner);
}

/** An SVG document of the given size in pixels. */
export function svgDocument(width: number, height: number, content: string): Svg {
  const size = `width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${content}</svg>`;
}

/** One line of text in an SVG; the text is escaped. */
export function svgText(
  text: string,
  options: { x: number; y: number; size: number; anchor?: "start" | "middle" | "end"; fill?: string; weight?: number },
): string {
  const { x, y, size, anchor = "start", fill = ink, weight = 400 } = options;
  const style = `font-family="${fontFamily}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}"`;
  return `<text x="${round(x)}" y="${round(y)}" ${style} fill="${fill}">${escapeHtml(text)}</text>`;
}

/** Width and height of a picture in pixels. */
export function sizeOfSvg(svg: Svg): { width: number; height: number } {
  const width = /^<svg[^>]*\swidth="([\d.]+)"/.exec(svg);
  const height = /^<svg[^>]*\sheight="([\d.]+)"/.exec(svg);
  if (width === null || height === null) throw new Error(`the picture has no size: ${svg.slice(0, 60)}`);
  return { width: Number(width[1]), height: Number(height[1]) };
}

/** The same picture on white paper, for use as a file of its own. */
export function withBackground(svg: Svg): Svg {
  return svg.replace(/^(<svg[^>]*>)/, `$1<rect width="100%" height="100%" fill="${paper}"/>`);
}

/** Prefixes the ids of a picture, so that several can stand in one page. */
export function withIdPrefix(svg: Svg, prefix: string): Svg {
  return svg.replace(/(\sid="|url\(#)/g, `$1${prefix}`);
}

/** Rough width of sans-serif text in pixels. */
export function estimateTextWidth(text: string, size: number): number {
  return 0.56 * size * text.length;
}

/** Two decimals are finer than a pixel. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function legendMark({ mark, colour, opacity = 1 }: LegendEntry, x: number, y: number): string {
  const middle = x + 12;
  switch (mark) {
    case "line":
      return `<line x1="${x}" y1="${y}" x2="${x + 24}" y2="${y}" stroke="${colour}" stroke-width="2.5" opacity="${opacity}"/>`;
    case "dashes":
      return `<line x1="${x}" y1="${y}" x2="${x + 24}" y2="${y}" stroke="${colour}" stroke-width="1.5" stroke-dasharray="5 4" opacity="${opacity}"/>`;
    case "dot":
      return `<circle cx="${middle}" cy="${y}" r="4.5" fill="${colour}" opacity="${opacity}"/>`;
    case "ring":
      return `<circle cx="${middle}" cy="${y}" r="3.5" fill="none" stroke="${colour}" stroke-width="1.5" opacity="${opacity}"/>`;
    case "square":
      return `<rect x="${middle - 5}" y="${y - 5}" width="10" height="10" rx="1.5" fill="${colour}" opacity="${opacity}"/>`;
    case "bar":
      return `<line x1="${middle}" y1="${y - 6}" x2="${middle}" y2="${y + 6}" stroke="${colour}" stroke-width="2.5" opacity="${opacity}"/>`;
  }
}

/** Vega counts clip paths over the life of the process; a picture should not depend on those before it. */
function renumberIds(svg: Svg): Svg {
  const numbers = new Map<string, number>();
  return svg.replace(/(id="|url\(#)clip(\d+)/g, (_, before: string, id: string) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size + 1);
    return `${before}clip${numbers.get(id)}`;
  });
}
