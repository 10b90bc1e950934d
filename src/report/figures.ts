/** The pictures of a comparison, each with its caption, in the order of the report. */

import type { Comparison } from "./comparison.ts";
import { escapeHtml } from "./format.ts";
import {
  drawLayerMaps,
  drawLosses,
  drawSampledDepths,
  drawSamplers,
  drawStepCosts,
  samplesDepth,
} from "./plots/index.ts";
import type { Svg } from "./render-svg.ts";
import { viewRuns } from "./theme.ts";

export interface Figure {
  /** Unique in the report; names the picture's file. */
  id: string;
  /** Neighbours of one heading stand under it together. */
  heading: string;
  /** HTML */
  caption: string;
  svg: Svg;
}

/** Every picture for which the runs have something to show. */
export async function drawFigures(comparison: Comparison): Promise<Figure[]> {
  const views = viewRuns(comparison);
  const withSteps = views.filter(({ run }) => run.log.steps.length > 0);
  const figures: Figure[] = [];
  if (views.some(({ run }) => run.log.evaluations.length > 0)) {
    figures.push({
      id: "losses",
      heading: "Loss against cost",
      caption:
        "Validation loss at full depth, median of three evaluations; dotted: at the depth N of the stage; faint: training loss, at " +
        "whatever depth was drawn. " +
        "The dashed line is the target; a dot marks where a method first reaches it, with what it saved by then.",
      svg: await drawLosses(comparison),
    });
  }
  for (const { run, label } of withSteps.filter(({ run }) => samplesDepth(run.log))) {
    figures.push({
      id: `depths-${figures.length}`,
      heading: "Depths that were drawn",
      caption: `<b>${escapeHtml(label)}.</b> Left: the depth of every step. Right: how often each depth came, and how often it should.`,
      svg: await drawSampledDepths(run.log),
    });
  }
  for (const { labels, svg } of drawLayerMaps(comparison)) {
    figures.push({
      id: `maps-${figures.length}`,
      heading: "Which weight each position uses",
      caption:
        `<b>${escapeHtml(labels.join(", "))}.</b> A column is the network of one depth, lowest layer at the bottom; equal colour and ` +
        "number = the same weight set. Between the stages: which weights growth copied. Faint columns are never drawn. " +
        "Below: how often each depth is drawn.",
      svg,
    });
  }
  if (comparison.samplers.length > 0) {
    figures.push({
      id: "samplers",
      heading: "Depth samplers",
      caption: "Each sampler on depths 1 … 6: the density that its formula describes, and the integer draw.",
      svg: await drawSamplers(comparison.samplers),
    });
  }
  if (withSteps.length > 0) {
    figures.push({
      id: "costs",
      heading: "How much of the saving arrives as time",
      caption:
        "Medians over the steps of one depth; one line per method and number of unique layers N (the shapes). FLOPs grow along " +
        "a straight line with depth; so does time, as far as the overhead of a step allows.",
      svg: await drawStepCosts(comparison),
    });
  }
  return figures;
}
