/** A comparison as a table for the terminal. */

import Table from "cli-table3";
import type { ComparedRun, Comparison, LossesAtEqualCost } from "../report/comparison.ts";

/** One row per run: end loss, losses at equal cost, savings by methods D.1; above, what makes these doubtful; below, what else must be told of each. */
export function comparisonTable({ runs, target, warnings }: Comparison): string {
  const table = new Table({
    head: [
      "method",
      "end loss",
      "at equal FLOPs",
      "at equal seconds",
      "saved FLOPs",
      "layers only",
      "saved seconds",
      "by training loss",
      "mean depth by stage",
      "seconds",
    ],
    style: { head: [], border: [] },
  });
  const below: string[] = [];
  for (const run of runs) {
    const { log, endLoss, atEqualFlops, atEqualSeconds, savings, meanDepthPerStage } = run;
    const { name, status } = log.header;
    const isTarget = name === target?.run;
    const saved = (value: number | null | "too noisy") =>
      isTarget ? "target" : target === null ? "–" : status === "finished" ? percentOr(value) : status;
    const equal = (losses: LossesAtEqualCost | null) => (isTarget ? "target" : versus(losses, target?.run));
    table.push([
      name,
      endLoss === null ? "–" : endLoss.toFixed(4),
      equal(atEqualFlops),
      equal(atEqualSeconds),
      saved(savings.flops),
      saved(savings.layerFlops),
      saved(savings.seconds),
      saved(savings.trainingFlops),
      meanDepthPerStage.map((depth) => depth.toFixed(2)).join(" | "),
      ((log.evaluations.at(-1)?.elapsedMs ?? 0) / 1000).toFixed(1),
    ]);
    below.push(`${name}: ${status}; ${describe(run)}`);
  }
  return [...warnings, table.toString(), ...below].join("\n");
}

function percentOr(saving: number | null | "too noisy"): string {
  if (saving === "too noisy") return saving;
  return saving === null ? "not reached" : `${(100 * saving).toFixed(1)} %`;
}

function versus(losses: LossesAtEqualCost | null, target: string | undefined): string {
  return losses === null ? "–" : `${losses.own.toFixed(4)} (${target} ${losses.target.toFixed(4)})`;
}

function describe({ epochs, trainValidationGap }: ComparedRun): string {
  const gap = trainValidationGap === null ? "unknown" : `${trainValidationGap.toFixed(3)} nats`;
  return `${epochs.toFixed(2)} epochs, validation minus training loss ${gap}`;
}
