/** A comparison as a table for the terminal. */

import Table from "cli-table3";
import type { Comparison } from "../report/comparison.ts";

/** One row per run: end loss, losses at equal cost, savings by methods D.1. */
export function comparisonTable({ runs, target }: Comparison): string {
  const table = new Table({
    head: [
      "method",
      "status",
      "end loss",
      "at equal FLOPs",
      "at equal seconds",
      "saved FLOPs",
      "layers only",
      "saved seconds",
      "mean depth by stage",
      "seconds",
    ],
    style: { head: [], border: [] },
  });
  for (const { log, endLoss, lossAtEqualFlops, lossAtEqualSeconds, savings, meanDepthPerStage } of runs) {
    const isTarget = log.header.name === target?.run;
    const saved = (value: number | null) =>
      isTarget ? "target" : target === null ? "–" : value === null ? "not reached" : `${(100 * value).toFixed(1)} %`;
    table.push([
      log.header.name,
      log.header.status,
      loss(endLoss),
      loss(lossAtEqualFlops),
      loss(lossAtEqualSeconds),
      saved(savings.flops),
      saved(savings.layerFlops),
      saved(savings.seconds),
      meanDepthPerStage.map((depth) => depth.toFixed(2)).join(" | "),
      ((log.evaluations.at(-1)?.elapsedMs ?? 0) / 1000).toFixed(1),
    ]);
  }
  return table.toString();
}

const loss = (value: number | null) => (value === null ? "–" : value.toFixed(4));
