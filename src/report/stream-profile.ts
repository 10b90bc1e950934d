/** What an analysis tells of the residual streams of trained models. The lab measures it; the report only shows it. */

import { formatLoss } from "./format.ts";
import type { TextTable } from "./suite-table.ts";

/** One layer, over many positions of text. "Size" is the root of the mean square over positions and channels. */
export interface LayerProfile {
  /** Size of what attention adds, over that of the stream before it. */
  attention: number;
  /** The same of the feed-forward part. */
  feedForward: number;
  /** Size of the stream behind the layer. */
  size: number;
  /** Directions that the stream behind the layer varies in: tr(C)²/tr(C²) of its covariance C, from 1 to the hidden size. */
  rank: number;
}

/** The layers of a run's model, from the lowest. */
export interface StreamProfile {
  /** Of the run. */
  name: string;
  seed: number;
  /** Peak. */
  learningRate: number;
  /** Smoothed validation loss at the end. */
  endLoss: number;
  layers: LayerProfile[];
}

/** One row per run, the best first. */
export function streamTable(profiles: readonly StreamProfile[]): TextTable {
  const columns = [
    { head: "seed" },
    { head: "learning rate" },
    { head: "end loss" },
    { head: "attention in layer 1", hint: "what it adds, over what the stream had" },
    { head: "feed-forward in layer 1", hint: "what it adds, over what the stream had" },
    { head: "size behind layer 1", hint: "root mean square of the stream" },
    { head: "rank behind layer 1", hint: "directions that the stream varies in" },
    { head: "rank at the end", hint: "directions that the stream varies in" },
  ];
  const rows = [...profiles]
    .sort((a, b) => a.endLoss - b.endLoss)
    .map(({ name, seed, learningRate, endLoss, layers }) => {
      const [first] = layers;
      const [attention, feedForward, size] = [first.attention, first.feedForward, first.size].map((value) =>
        value.toFixed(2),
      );
      const ranks = [first, layers.at(-1)!].map(({ rank }) => rank.toFixed(1));
      return {
        label: name,
        cells: [String(seed), String(learningRate), formatLoss(endLoss), attention, feedForward, size, ...ranks],
      };
    });
  return { rowHead: "run", columns, rows };
}
