/** Growing by a layer map: weights are copied, optimizer state follows one of six policies. */

import type { TransformerBlock } from "../../nn/index.ts";
import { forgetState, type Optimizer } from "../../optim/optimizer.ts";
import { outsideScopes } from "../../tensor/scope.ts";
import { type Parameter, Tensor } from "../../tensor/tensor.ts";

/**
 * What becomes of Adam's moments and step counts at growth (methods A.8):
 * - `slot`: they stay with the physical slot, new slots start empty: what the release does [R];
 * - `reset`: all layer states are cleared;
 * - `reset_all`: those of embeddings, last norm and head too, as by a new optimizer (B.1);
 * - `copy`: slot i takes those of its source;
 * - `copy_scaled`: the same with m divided by c and v by c², c the number of copies of that source: at full depth a
 *   shared layer's gradient is the sum over its copies [D];
 * - `follow`: the lowest copy of a layer takes its state, the others start empty: where layers are inserted, those above
 *   keep their state in the slots that they move to [D].
 */
export const OPTIMIZER_POLICIES = ["slot", "reset", "reset_all", "copy", "copy_scaled", "follow"] as const;
export type OptimizerPolicy = (typeof OPTIMIZER_POLICIES)[number];

export interface GrowthCall {
  blocks: readonly TransformerBlock[];
  optimizer: Optimizer;
  /** N before and N′ after. */
  from: number;
  to: number;
}

/** Turns N unique layers into N′, in place. */
export type GrowLayers = (call: GrowthCall) => void;

/**
 * Layer i of the N′ becomes a copy of layer map[i] of the N. All sources are read before anything is written: copying in
 * ascending order in place, as Algorithm 1 prints it, destroys its own sources (methods A.2).
 * @param map N′ indices into 0 … N−1.
 */
export function growByMap(call: GrowthCall, map: readonly number[], policy: OptimizerPolicy): void {
  const { blocks, optimizer, from, to } = call;
  if (map.length !== to) throw new Error(`growth: a map of ${map.length} layers cannot make ${to}`);
  for (const source of map) {
    if (!(Number.isInteger(source) && source >= 0 && source < from))
      throw new Error(`growth: layer ${source} is not one of 0 … ${from - 1}`);
  }
  if (to > blocks.length) throw new Error(`growth: ${to} layers were asked of a model that has ${blocks.length}`);

  const parametersOf = blocks.slice(0, to).map((block) => block.parameters());
  const weights = parametersOf
    .slice(0, from)
    .map((parameters) => parameters.map((parameter) => parameter.toFlatArray()));
  map.forEach((source, slot) => {
    parametersOf[slot].forEach((parameter, index) => parameter.numbers.set(weights[source][index]));
  });
  growOptimizerState(optimizer, parametersOf, map, policy);
}

/** A copy of a parameter's state that owns nothing. */
interface StateCopy {
  step: number;
  averages: [name: string, values: Float32Array | Float64Array][];
}

function growOptimizerState(
  optimizer: Optimizer,
  parametersOf: Parameter[][],
  map: readonly number[],
  policy: OptimizerPolicy,
): void {
  if (policy === "slot") return;
  const states = parametersOf.map((parameters) => parameters.map((parameter) => copyState(optimizer, parameter)));
  const cleared = policy === "reset_all" ? [...optimizer.state.keys()] : parametersOf.flat();
  for (const parameter of cleared) forgetState(optimizer, parameter);
  if (policy === "reset" || policy === "reset_all") return;
  map.forEach((source, slot) => {
    if (policy === "follow" && map.indexOf(source) < slot) return;
    const copies = policy === "copy_scaled" ? map.filter((other) => other === source).length : 1;
    parametersOf[slot].forEach((parameter, index) => restoreState(optimizer, parameter, states[source][index], copies));
  });
}

function copyState(optimizer: Optimizer, parameter: Parameter): StateCopy | null {
  const state = optimizer.state.get(parameter);
  if (state === undefined) return null;
  const averages = Object.entries(state.averages).map(([name, average]): StateCopy["averages"][0] => [
    name,
    average.numbers.slice(),
  ]);
  return { step: state.step, averages };
}

/** A second moment shrinks with the square of the gradient, every other average with the gradient itself. */
function restoreState(optimizer: Optimizer, parameter: Parameter, copy: StateCopy | null, copies: number): void {
  if (copy === null) return;
  const averages = copy.averages.map(([name, values]) => {
    const divisor = name === "v" ? copies ** 2 : copies;
    const scaled = values.map((value) => value / divisor);
    return [name, outsideScopes(() => Tensor.from(scaled, parameter.shape, parameter.dtype))];
  });
  optimizer.state.set(parameter, { step: copy.step, averages: Object.fromEntries(averages) });
}
