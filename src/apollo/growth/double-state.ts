/** Twice the width, the depth, or both, of a small model and of its optimizer's state (staged training, methods B.7 [C]). */

import { outsideScopes } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { FirstWeightsCall } from "../method.ts";
import { doubleWidth, type StateKind } from "./double-width.ts";
import { blockPlace, checkGrowth, checkNormBeforeHead } from "./parameter-axes.ts";
import type { Values } from "./widen.ts";
import { withoutEffect } from "./wider-model.ts";

/** The small layer that a layer of the large model is made from. */
export interface LayerCopy {
  source: number;
  /** It adds nothing to a pre-LN stream at first, and has no optimizer state. */
  isIdentity: boolean;
}

/**
 * Writes the large model and the state of its optimizer. Copies of layers take over averages and step counts as they are.
 * @throws when the small model does not fit, comes without the state of its optimizer, or has no norm before its head.
 */
export function doubleState(call: Omit<FirstWeightsCall, "random"> & { layers: readonly LayerCopy[] }): void {
  const { model, small, optimizer, layers } = call;
  const { family } = model;
  checkGrowth(small.size, model.size);
  if (small.state === undefined) throw new Error("growth: the small model comes without the state of its optimizer");
  const isWider = model.size.hidden > small.size.hidden;
  const parameters = model.namedParameters();
  if (isWider) checkNormBeforeHead(parameters.keys(), family);

  const weights = new Map<string, Values>();
  for (const [name, parameter] of parameters) {
    const place = blockPlace(name);
    const { source, isIdentity } = place === null ? { source: 0, isIdentity: false } : layers[place.layer];
    const from = place === null ? name : `blocks.${source}.${place.name}`;
    const grow = (values: Values, kind: StateKind) => (isWider ? doubleWidth(from, values, kind, family) : values);
    const old = small.weights.get(from);
    if (old === undefined) throw new Error(`growth: the small model has no parameter "${from}"`);
    const grown = grow(old, "weights");
    weights.set(name, isIdentity ? withoutEffect(place!.name, grown) : grown);
    const state = small.state.get(from);
    if (state === undefined || isIdentity) continue;
    const averages = Object.entries(state.averages).map(([average, values]) => {
      const { values: numbers } = grow(values, average === "v" ? "squares" : "gradients");
      return [average, outsideScopes(() => Tensor.from(numbers, parameter.shape, parameter.dtype))];
    });
    optimizer.state.set(parameter, { step: state.step, averages: Object.fromEntries(averages) });
  }
  model.loadStateDict(weights);
}
