/** Checkpoints: weights, optimizer state and the number of updates, in one safetensors file. */

import type { Optimizer, ParameterState } from "../optim/optimizer.ts";
import { outsideScopes } from "../tensor/scope.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { type Parameter, Tensor } from "../tensor/tensor.ts";
import type { SafetensorsFile, StoredTensor } from "./safetensors.ts";

/** Before the name of a parameter: "weights/blocks.0.…"; its running averages have their own names there: "m/blocks.0.…". */
const WEIGHTS = "weights";

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
    tensors.set(`${WEIGHTS}/${name}`, stored(parameter));
    const state = optimizer.state.get(parameter);
    if (state === undefined) continue;
    steps[name] = state.step;
    for (const [average, tensor] of Object.entries(state.averages)) tensors.set(`${average}/${name}`, stored(tensor));
  }
  return { tensors, metadata: { ...metadata, steps: JSON.stringify(steps) } };
}

/**
 * Puts parameters and optimizer state back as they were; parameters that the checkpoint does not have stay as they are,
 * without state.
 * @param source names the checkpoint in errors.
 * @throws before anything is written, when a name or shape does not fit the model, or the optimizer state is not whole.
 */
export function restoreCheckpoint(
  file: SafetensorsFile,
  parameters: ReadonlyMap<string, Parameter>,
  optimizer: Optimizer,
  source = "checkpoint",
): void {
  const fail = (problem: string): never => {
    throw new Error(`${source}: ${problem}`);
  };
  const { weights, averages } = partsOf(file);
  const steps = stepsOf(file.metadata.steps, fail);
  if (weights.size === 0) fail("it holds no weights");
  for (const tensors of [weights, ...averages.values()]) {
    for (const [name, { shape, values }] of tensors) {
      const parameter = parameters.get(name) ?? fail(`the model has no parameter "${name}"`);
      if (!sameShape(shape, parameter.shape))
        fail(`"${name}" has shape ${formatShape(shape)}, the model expects ${formatShape(parameter.shape)}`);
      if (values.length !== parameter.size)
        fail(`"${name}" has ${values.length} values, its shape ${formatShape(shape)} holds ${parameter.size}`);
      if (!weights.has(name)) fail(`"${name}" has a running average and no weights`);
    }
  }
  for (const [average, tensors] of averages) {
    for (const name of tensors.keys()) {
      if (!Object.hasOwn(steps, name)) fail(`"${name}" has the running average ${average} and no number of updates`);
    }
  }
  for (const [name, step] of Object.entries(steps)) {
    if (!(Number.isSafeInteger(step) && step >= 1))
      fail(`the updates of "${name}" must be a whole number from 1, not ${JSON.stringify(step)}`);
    if (averages.size === 0) fail(`"${name}" has had updates and has no running average`);
    for (const [average, tensors] of averages) {
      if (!tensors.has(name)) fail(`"${name}" lacks the running average ${average}`);
    }
  }

  for (const [name, { values }] of weights) parameters.get(name)!.numbers.set(values);
  for (const state of optimizer.state.values()) for (const tensor of Object.values(state.averages)) tensor.release();
  optimizer.state.clear();
  for (const [name, step] of Object.entries(steps)) {
    const state: ParameterState = { step, averages: {} };
    for (const [average, tensors] of averages) {
      const { shape, values } = tensors.get(name)!;
      state.averages[average] = outsideScopes(() => Tensor.from(values, shape));
    }
    optimizer.state.set(parameters.get(name)!, state);
  }
}

/** The weights of a checkpoint alone, by parameter. */
export function checkpointWeights(file: SafetensorsFile): Map<string, StoredTensor> {
  return partsOf(file).weights;
}

/** The optimizer's state in a checkpoint alone, by parameter. @throws naming `source` when it is not whole. */
export function checkpointState(
  file: SafetensorsFile,
  source: string,
): Map<string, { step: number; averages: Record<string, StoredTensor> }> {
  const fail = (problem: string): never => {
    throw new Error(`${source}: ${problem}`);
  };
  const { averages } = partsOf(file);
  const steps = Object.entries(stepsOf(file.metadata.steps, fail));
  return new Map(
    steps.map(([name, step]) => {
      const own = [...averages].map(([average, tensors]) => [
        average,
        tensors.get(name) ?? fail(`"${name}" lacks the running average ${average}`),
      ]);
      return [name, { step, averages: Object.fromEntries(own) }];
    }),
  );
}

/** The tensors by what they are, and by the name of their parameter. */
function partsOf({ tensors }: SafetensorsFile): {
  weights: Map<string, StoredTensor>;
  averages: Map<string, Map<string, StoredTensor>>;
} {
  const parts = new Map<string, Map<string, StoredTensor>>();
  for (const [key, tensor] of tensors) {
    const end = key.indexOf("/");
    const kind = key.slice(0, Math.max(0, end));
    if (!parts.has(kind)) parts.set(kind, new Map());
    parts.get(kind)!.set(key.slice(end + 1), tensor);
  }
  const weights = parts.get(WEIGHTS) ?? new Map();
  parts.delete(WEIGHTS);
  return { weights, averages: parts };
}

/** Updates by parameter, not checked any further. */
function stepsOf(text: string | undefined, fail: (problem: string) => never): Record<string, number> {
  if (text === undefined) fail("it does not say how many updates its parameters had");
  try {
    const steps = JSON.parse(text!);
    if (typeof steps === "object" && steps !== null && !Array.isArray(steps)) return steps;
  } catch {
    // Told below, with the file's name.
  }
  return fail("its numbers of updates are no JSON object");
}

const stored = (tensor: Tensor): StoredTensor => ({ shape: tensor.shape, values: Float32Array.from(tensor.numbers) });
