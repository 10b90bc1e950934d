/** Colours and type of all pictures: one place, so that a method looks the same everywhere. */
import type { Config } from "vega-lite";
import type { ComparedRun, Comparison } from "./comparison.ts";

export const ink = "#1d2530";
export const mutedInk = "#5a6573";
export const gridInk = "#dfe3e8";
export const paper = "#ffffff";
export const fontFamily = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif";

/** Width in pixels that every full picture has. */
export const pictureWidth = 1080;

/** The run that sets the target is the ground against which the others stand out. */
const targetColour = "#66707d";

const methodColours = ["#c8501e", "#2568b4", "#148264", "#8e49ad", "#a1720a", "#c23a70", "#4c7a1c", "#6d4c41"];

/** First to last stage. */
const stageColours = ["#d9a021", "#d2643b", "#a54a85", "#5059ad"];

/** What becomes of the colours above on a dark page. */
export const darkColours: Readonly<Record<string, string>> = {
  [ink]: "#e6e9ee",
  [mutedInk]: "#a3adba",
  [gridInk]: "#333b46",
  [paper]: "#171b21",
  [targetColour]: "#9aa5b3",
  "#c8501e": "#f0834f",
  "#2568b4": "#6aa7ee",
  "#148264": "#3fbf99",
  "#8e49ad": "#c58ae0",
  "#a1720a": "#d9a93f",
  "#c23a70": "#ee7ba6",
  "#4c7a1c": "#8fbf55",
  "#6d4c41": "#c9a08e",
};

/** A run with the name and the colour under which the whole report shows it. */
export interface RunView {
  run: ComparedRun;
  /** Unique in the report. */
  label: string;
  colour: string;
  /** Whether this run sets the target. */
  isTarget: boolean;
}

/**
 * Gives every run its label and colour. Runs of one name share a colour; their labels then carry the seed, and a
 * number if need be.
 * @throws Error naming a colour that is not "#rrggbb".
 */
export function viewRuns(comparison: Pick<Comparison, "runs" | "target">): RunView[] {
  const names = comparison.runs.map(({ log }) => log.header.name);
  const withSeed = comparison.runs.map(({ log }, index) =>
    isRepeated(names, index) ? `${log.header.name} · seed ${log.header.seed}` : log.header.name,
  );
  const colourOfName = new Map<string, string>();
  let next = 0;
  return comparison.runs.map((run, index) => {
    const name = names[index];
    const isTarget = name === comparison.target?.run;
    if (run.colour !== undefined && !/^#[0-9a-f]{6}$/i.test(run.colour)) {
      throw new Error(`the colour of run ${name} is not of the form #rrggbb: ${run.colour}`);
    }
    if (!colourOfName.has(name)) {
      colourOfName.set(name, methodColour(isTarget ? 0 : next++, isTarget));
    }
    const copy = withSeed.slice(0, index).filter((other) => other === withSeed[index]).length;
    return {
      run,
      label: isRepeated(withSeed, index) ? `${withSeed[index]} (${copy + 1})` : withSeed[index],
      colour: run.colour ?? colourOfName.get(name)!,
      isTarget,
    };
  });
}

/** So many methods have colours of their own; then they come again. */
export const METHOD_COLOURS = methodColours.length;

/** A colour for each of several methods; the one that sets the target is grey. */
export function methodColour(index: number, isTarget: boolean): string {
  return isTarget ? targetColour : methodColours[index % methodColours.length];
}

/** Colour of stage `index` of `count`. */
export function stageColour(index: number, count: number): string {
  if (count <= 1) return stageColours[stageColours.length - 1];
  const place = (index / (count - 1)) * (stageColours.length - 1);
  const lower = Math.min(stageColours.length - 2, Math.floor(place));
  return mixColours(stageColours[lower], stageColours[lower + 1], place - lower);
}

/**
 * Colour of weight `index` of `count`: hues in order, so that the layers that grow out of one lie around its colour;
 * lightness alternates, so that neighbours stay apart.
 */
export function weightColour(index: number, count: number): string {
  const hue = 25 + (320 * (index + 0.5)) / count;
  return oklch(index % 2 === 0 ? 0.8 : 0.7, 0.115, hue);
}

function isRepeated(values: readonly string[], index: number): boolean {
  return values.indexOf(values[index]) !== values.lastIndexOf(values[index]);
}

function mixColours(from: string, to: string, share: number): string {
  const channel = (colour: string, place: number) => Number.parseInt(colour.slice(1 + 2 * place, 3 + 2 * place), 16);
  return hex([0, 1, 2].map((place) => channel(from, place) * (1 - share) + channel(to, place) * share));
}

/** Björn Ottosson's Oklab in polar form: lightness 0..1, chroma, hue in degrees. */
function oklch(lightness: number, chroma: number, hue: number): string {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return hex(linear.map((value) => 255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055)));
}

function hex(channels: readonly number[]): string {
  return `#${channels
    .map((value) =>
      Math.round(Math.min(255, Math.max(0, value)))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

/** Vega-Lite settings shared by all pictures. */
export const vegaConfig: Config = {
  aria: false,
  background: "transparent",
  font: fontFamily,
  padding: 4,
  view: { stroke: null },
  axis: {
    domainColor: mutedInk,
    tickColor: mutedInk,
    tickSize: 4,
    gridColor: gridInk,
    labelColor: mutedInk,
    labelFontSize: 11,
    labelPadding: 4,
    titleColor: ink,
    titleFontSize: 11.5,
    titleFontWeight: "normal",
    titlePadding: 8,
  },
  legend: {
    labelColor: ink,
    labelFontSize: 12,
    labelLimit: 400,
    titleColor: mutedInk,
    titleFontSize: 11.5,
    titleFontWeight: "normal",
  },
  title: {
    color: ink,
    fontSize: 13,
    fontWeight: 600,
    subtitleColor: mutedInk,
    subtitleFontSize: 11,
    anchor: "start",
    frame: "group",
    offset: 10,
  },
  text: { color: ink, fontSize: 11 },
};
