/**
 * Growth by adding units (methods C.6 [C]): the small model's numbers become the leading part of the large model's, and Adam's
 * averages with them; all other units stay as they were initialised, their averages 0. Layers that are added come on top.
 *
 * A parameter's number of updates is that of its old part, as in the authors' code: the averages of its new units begin without
 * bias correction. Layers that are added have no optimizer state.
 */

import { type Tensor, zerosLike } from "../../tensor/tensor.ts";
import type { FirstWeightsCall } from "../method.ts";
import { axesOf, checkGrowth, type ParameterAxes } from "./parameter-axes.ts";
import type { Values } from "./widen.ts";

/** @throws when the small model does not fit, or comes without the state of its optimizer. */
export function addUnits({ model, small, optimizer }: Omit<FirstWeightsCall, "random">): void {
  checkGrowth(small.size, model.size);
  if (small.state === undefined) throw new Error("growth: the small model comes without the state of its optimizer");
  const parameters = model.namedParameters();
  for (const [name, values] of small.weights) {
    const parameter = parameters.get(name);
    if (parameter === undefined) throw new Error(`growth: the large model has no parameter "${name}"`);
    const axes = axesOf(name, model.family);
    writeLeading(parameter, values, axes);
    const state = small.state.get(name);
    if (state === undefined) continue;
    const averages = Object.entries(state.averages).map(([average, old]) => {
      const grown = zerosLike(parameter);
      writeLeading(grown, old, axes);
      return [average, grown];
    });
    optimizer.state.set(parameter, { step: state.step, averages: Object.fromEntries(averages) });
  }
}

/** Writes a small matrix or vector into the leading rows of a large one, and there into the leading columns of each group. */
function writeLeading({ shape, numbers }: Tensor, { shape: old, values }: Values, axes: ParameterAxes): void {
  const groups = axes[axes.length - 1]?.groups ?? 1;
  const [oldWidth, width] = [old, shape].map((sizes) => sizes[sizes.length - 1] / groups);
  for (let at = 0; at < values.length; at++) {
    // Rows have no groups; of a row's groups each begins where it would in a row of the large width.
    numbers[Math.floor(at / oldWidth) * width + (at % oldWidth)] = values[at];
  }
}
