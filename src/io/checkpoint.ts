/** Checkpoints: weights, optimizer state and the number of updates, in one safetensors file. */

import type { Optimizer } from "../optim/optimizer.ts";
import { outsideScopes } from "../tensor/scope.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { type Parameter, Tensor } from "../tensor/tensor.ts";
import type { SafetensorsFile, StoredTensor } from "./safetensors.ts";

/** Prefix of a parameter's values, and of each of its running averages: "m/blocks.0.…". */
const WEIGHTS = "weights/";

/** Everything that the next update depends on, besides the experiment. */
export function makeCheckpoint(
  parameters: ReadonlyMap<string, Parameter>,
  optimizer: Optimizer,
  metadata: Record<string, string>,
): SafetensorsFile {
  const tensors = new Map<string, StoredTensor>();
  const steps: Record<string, number> = {};
  for (const [name, parameter] of parameters) {
    if (!parameter.isMaterialised) continue;
    tensors.set(`${WEIGHTS}${name}`, stored(parameter));
    const state = optimizer.state.get(parameter);
    if (state === undefined) continue;
    steps[name] = state.step;
    for (const [average, tensor] of Object.entries(state.averages)) tensors.set(`${average}/${name}`, stored(tensor));
  }
  return { tensors, metadata: { ...metadata, steps: JSON.stringify(steps) } };
}

/** Puts parameters and optimizer state back as they were. @throws when a name or shape does not fit the model. */
export function restoreCheckpoint(
  file: SafetensorsFile,
  parameters: ReadonlyMap<string, Parameter>,
  optimizer: Optimizer,
): void {
  const find = (key: string): { kind: string; name: string; parameter: Parameter } => {
    const [kind, name] = [key.slice(0, key.indexOf("/") + 1), key.slice(key.indexOf("/") + 1)];
    const parameter = parameters.get(name);
    if (parameter === undefined) throw new Error(`checkpoint: the model has no parameter "${name}"`);
    return { kind, name, parameter };
  };
  for (const [key, { shape }] of file.tensors) {
    const { name, parameter } = find(key);
    if (!sameShape(shape, parameter.shape)) {
      throw new Error(
        `checkpoint: "${name}" has shape ${formatShape(shape)}, the model expects ${formatShape(parameter.shape)}`,
      );
    }
  }
  const steps: Record<string, number> = JSON.parse(file.metadata.steps ?? "{}");
  for (const [key, { shape, values }] of file.tensors) {
    const { kind, name, parameter } = find(key);
    if (kind === WEIGHTS) {
      parameter.numbers.set(values);
      continue;
    }
    const state = optimizer.state.get(parameter) ?? { step: steps[name], averages: {} };
    state.averages[kind.slice(0, -1)] = outsideScopes(() => Tensor.from(values, shape));
    optimizer.state.set(parameter, state);
  }
}

const stored = (tensor: Tensor): StoredTensor => ({ shape: tensor.shape, values: Float32Array.from(tensor.numbers) });
