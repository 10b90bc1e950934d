import type { Comparison } from "../comparison.ts";
import { round, type Svg, svgDocument, svgText } from "../render-svg.ts";
import type { RunStage } from "../run-log.ts";
import { gridInk, mutedInk, paper, pictureWidth, type RunView, viewRuns, weightColour } from "../theme.ts";

const blockInk = "#182029";
const gap = 2;
const labelMargin = 104;
const panelGap = 26;
/** A stage's heading needs this much, even over a single column. */
const leastPanelWidth = 96;
const barHeight = 26;
const rowHeight = 44;

/** Runs that build their networks the same way, with the layer maps of all of them. */
interface MapFamily {
  members: RunView[];
  stages: RunStage[];
}

interface BlockSize {
  width: number;
  height: number;
}

/**
 * The layer maps of every stage: one column of blocks per depth, lowest layer at the bottom, equal colour = equal
 * weight; between stages, from which weight each new one was copied; below, how often each depth is drawn.
 * One picture for each group of runs that share their maps. Runs of a single stage and depth are left out, unless
 * there are no others.
 */
export function drawLayerMaps(comparison: Pick<Comparison, "runs" | "target">): { labels: string[]; svg: Svg }[] {
  const views = viewRuns(comparison);
  const shared = views.filter(({ run }) => mapsOf(run.log.header.stages) > 1);
  return groupByMaps(shared.length > 0 ? shared : views).map((family) => ({
    labels: family.members.map(({ label }) => label),
    svg: drawFamily(family),
  }));
}

function mapsOf(stages: readonly RunStage[]): number {
  return stages.reduce((count, { layerMaps }) => count + Object.keys(layerMaps).length, 0);
}

function groupByMaps(views: readonly RunView[]): MapFamily[] {
  const families: MapFamily[] = [];
  for (const view of views) {
    const stages = view.run.log.header.stages;
    const family = families.find((candidate) => agree(candidate.stages, stages));
    if (family === undefined) {
      families.push({
        members: [view],
        stages: stages.map((stage) => ({ ...stage, layerMaps: { ...stage.layerMaps } })),
      });
    } else {
      family.members.push(view);
      for (const [index, stage] of stages.entries()) Object.assign(family.stages[index].layerMaps, stage.layerMaps);
    }
  }
  return families;
}

function agree(a: readonly RunStage[], b: readonly RunStage[]): boolean {
  return (
    a.length === b.length &&
    a.every((stage, index) => {
      const other = b[index];
      const common = Object.keys(stage.layerMaps).filter((depth) => depth in other.layerMaps);
      return (
        stage.uniqueLayers === other.uniqueLayers &&
        String(stage.growMap) === String(other.growMap) &&
        common.every((depth) => String(stage.layerMaps[depth]) === String(other.layerMaps[depth]))
      );
    })
  );
}

function depthsOf(stage: RunStage): number[] {
  return Object.keys(stage.layerMaps)
    .map(Number)
    .sort((a, b) => a - b);
}

function drawFamily({ members, stages }: MapFamily): Svg {
  const layers = Math.max(1, ...stages.flatMap((stage) => Object.values(stage.layerMaps).map((map) => map.length)));
  const block = blockSize(stages, layers);
  const mapHeight = layers * (block.height + gap);
  const panelHeight = 34 + mapHeight + 20 + members.length * rowHeight;
  const parts: string[] = [];
  let x = labelMargin;
  let top = 0;

  const startLine = () => parts.push(drawMargin(members, top + 34 + mapHeight));
  startLine();
  for (const [index, stage] of stages.entries()) {
    const columnCount = depthsOf(stage).length;
    const growthWidth = index === 0 ? 0 : 2 * block.width + 46;
    const panelWidth = Math.max(columnCount * (block.width + gap), leastPanelWidth);
    const isFirstOfLine = x === labelMargin;
    if (!isFirstOfLine && x + growthWidth + panelGap + panelWidth > pictureWidth) {
      x = labelMargin;
      top += panelHeight + 24;
      startLine();
    }
    if (index > 0) {
      parts.push(drawGrowth({ from: stages[index - 1], to: stage, x, bottom: top + 34 + mapHeight, block }));
      x += growthWidth + panelGap;
    }
    parts.push(drawStage({ stage, index, members, x, top, mapHeight, block }));
    x += panelWidth + panelGap;
  }
  return svgDocument(pictureWidth, top + panelHeight, parts.join(""));
}

/** Blocks as large as the longest line of panels allows, from readable down to just visible. */
function blockSize(stages: readonly RunStage[], layers: number): BlockSize {
  const columns = stages.reduce((total, stage) => total + depthsOf(stage).length, 0) + 2 * (stages.length - 1);
  const room = pictureWidth - labelMargin - (stages.length - 1) * (46 + 2 * panelGap) - leastPanelWidth;
  return {
    width: Math.max(8, Math.min(24, Math.floor(room / columns) - gap)),
    height: Math.max(3, Math.min(16, Math.floor(280 / layers) - gap)),
  };
}

function drawMargin(members: readonly RunView[], mapBottom: number): string {
  const texts = [svgText("depth", { x: 0, y: mapBottom + 13, size: 11, fill: mutedInk })];
  members.forEach(({ label, colour }, row) => {
    const y = mapBottom + 20 + row * rowHeight + barHeight;
    const short = label.length > 17 ? `${label.slice(0, 16)}…` : label;
    texts.push(svgText(short, { x: 0, y, size: 11.5, fill: colour, weight: 600 }));
    texts.push(svgText("drawn, %", { x: 0, y: y + 13, size: 10, fill: mutedInk }));
  });
  return texts.join("");
}

function drawStage(options: {
  stage: RunStage;
  index: number;
  members: readonly RunView[];
  x: number;
  top: number;
  mapHeight: number;
  block: BlockSize;
}): string {
  const { stage, index, members, x, top, mapHeight, block } = options;
  const bottom = top + 34 + mapHeight;
  const pitch = block.width + gap;
  const depths = depthsOf(stage);
  const count = stage.uniqueLayers;
  const parts = [
    svgText(`stage ${index + 1}: N = ${count}`, { x, y: top + 12, size: 12, weight: 600 }),
    svgText(stepsOf(members, index), { x, y: top + 26, size: 10, fill: mutedInk }),
  ];
  const probabilityOf = (member: RunView, depth: number) =>
    member.run.log.header.stages[index].depths.find((entry) => entry.depth === depth)?.probability ?? 0;

  depths.forEach((depth, column) => {
    const left = x + column * pitch;
    const isDrawn = members.some((member) => probabilityOf(member, depth) > 0);
    const blocks = stage.layerMaps[String(depth)].map((weight, position) =>
      drawBlock({ weight, count, x: left, y: bottom - (position + 1) * (block.height + gap) + gap, block }),
    );
    parts.push(isDrawn ? blocks.join("") : `<g opacity="0.28">${blocks.join("")}</g>`);
    if (block.width >= 12 || column === 0 || column === depths.length - 1) {
      const fill = mutedInk;
      parts.push(
        svgText(String(depth), { x: left + block.width / 2, y: bottom + 13, size: 10, anchor: "middle", fill }),
      );
    }
  });

  members.forEach((member, row) => {
    const base = bottom + 20 + row * rowHeight + barHeight;
    const probabilities = depths.map((depth) => probabilityOf(member, depth));
    const largest = Math.max(...probabilities, 1e-9);
    const width = depths.length * pitch - gap;
    parts.push(`<rect x="${round(x)}" y="${base}" width="${round(width)}" height="1" fill="${gridInk}"/>`);
    probabilities.forEach((probability, column) => {
      if (probability <= 0) return;
      const height = round(Math.max(1, (barHeight * probability) / largest));
      const left = round(x + column * pitch);
      parts.push(
        `<rect x="${left}" y="${round(base - height)}" width="${block.width}" height="${height}" fill="${member.colour}" opacity="0.75"/>`,
      );
      if (block.width >= 14) {
        const fill = mutedInk;
        const text = shortPercent(probability);
        parts.push(svgText(text, { x: left + block.width / 2, y: base + 11, size: 9, anchor: "middle", fill }));
      }
    });
  });
  return parts.join("");
}

function drawGrowth(options: { from: RunStage; to: RunStage; x: number; bottom: number; block: BlockSize }): string {
  const { from, to, x, bottom, block } = options;
  const right = x + block.width + 46;
  const yOf = (weight: number) => bottom - (weight + 1) * (block.height + gap) + gap;
  const middle = (weight: number) => round(yOf(weight) + block.height / 2);
  const parts: string[] = [];
  if (to.growMap === null) {
    const y = bottom - (Math.min(from.uniqueLayers, to.uniqueLayers) * (block.height + gap)) / 2;
    parts.push(svgText("→", { x: x + block.width + 23, y: y + 4, size: 16, anchor: "middle", fill: mutedInk }));
  } else {
    to.growMap.forEach((source, weight) => {
      const [x0, x1] = [round(x + block.width + 3), round(right - 3)];
      const curve = `M${x0},${middle(source)}C${x0 + 20},${middle(source)} ${x1 - 20},${middle(weight)} ${x1},${middle(weight)}`;
      const colour = weightColour(source, from.uniqueLayers);
      parts.push(`<path d="${curve}" fill="none" stroke="${colour}" stroke-width="1.8"/>`);
    });
  }
  for (let weight = 0; weight < from.uniqueLayers; weight++) {
    parts.push(drawBlock({ weight, count: from.uniqueLayers, x, y: yOf(weight), block }));
  }
  for (let weight = 0; weight < to.uniqueLayers; weight++) {
    parts.push(drawBlock({ weight, count: to.uniqueLayers, x: right, y: yOf(weight), block }));
  }
  const centre = x + block.width + 23;
  const note = to.growMap === null ? "growth" : "copied";
  parts.push(svgText(note, { x: centre, y: bottom + 13, size: 10, anchor: "middle", fill: mutedInk }));
  return parts.join("");
}

function drawBlock(options: { weight: number; count: number; x: number; y: number; block: BlockSize }): string {
  const { weight, count, x, y, block } = options;
  const colour = weightColour(weight, count);
  const place = `x="${round(x)}" y="${round(y)}" width="${block.width}" height="${block.height}"`;
  const radius = block.height >= 8 ? 2 : 0;
  const rectangle = `<rect ${place} rx="${radius}" fill="${colour}" stroke="${paper}" stroke-width="0.5"/>`;
  if (block.width < 13 || block.height < 10) return rectangle;
  const label = {
    x: x + block.width / 2,
    y: y + block.height / 2 + 3.2,
    size: 9,
    anchor: "middle",
    fill: blockInk,
  } as const;
  return rectangle + svgText(String(weight), label);
}

function stepsOf(members: readonly RunView[], index: number): string {
  const { firstStep, endStep } = members[0].run.log.header.stages[index];
  const isCommon = members.every(({ run }) => {
    const stage = run.log.header.stages[index];
    return stage.firstStep === firstStep && stage.endStep === endStep;
  });
  return isCommon ? `steps ${firstStep}–${endStep}` : "";
}

function shortPercent(probability: number): string {
  const percent = 100 * probability;
  return percent < 0.95 ? "<1" : String(Math.round(percent));
}
