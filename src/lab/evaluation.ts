/** When a run is evaluated, and at which depths. */

import { withGrowthMasks } from "../apollo/growth/growth-masks.ts";
import type { Method } from "../apollo/method.ts";
import { stageAt } from "../apollo/schedule.ts";
import { sharedPath } from "../apollo/shared-layers.ts";
import { straightPlan } from "../apollo/step-plan.ts";
import type { EvaluationRecord } from "../report/run-log.ts";
import type { Task } from "./task.ts";

export type ValidationLosses = Pick<EvaluationRecord, "loss" | "lossAtUniqueDepth">;

/** The steps after which is evaluated: `count` of them, evenly spread, the last at the end. */
export function evaluationSteps(steps: number, count: number): Set<number> {
  const all = Math.min(steps, count);
  return new Set(Array.from({ length: all }, (_, index) => Math.round(((index + 1) * steps) / all)));
}

/** Validation losses after this many updates: at full depth and, where layers are shared, at depth N. */
export function evaluate(task: Task, method: Method, step: number): ValidationLosses {
  const { blocks } = task.model;
  // Right after a stage's last update the model has not grown yet.
  const { uniqueLayers } = stageAt(method.stages, Math.max(0, step - 1));
  const plan = method.planFullDepth(uniqueLayers, step);
  const loss = withGrowthMasks(task.model, plan.growthMasks, () => task.evaluate(sharedPath(blocks, plan)));
  const lossAtUniqueDepth =
    uniqueLayers === blocks.length ? loss : task.evaluate(sharedPath(blocks, straightPlan(uniqueLayers)));
  return { loss, lossAtUniqueDepth };
}
