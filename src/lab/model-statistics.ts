/** What Tables 2 and 3 of the paper tell of a model: its loss, its gradients, and the numbers that its head reads. */

import { noGrad } from "../autograd/index.ts";
import type { LayerUse } from "../nn/index.ts";
import type { Distribution, MeanAndDeviation, ModelStatistics } from "../report/model-statistics.ts";
import { mean } from "../report/statistics.ts";
import { scope } from "../tensor/scope.ts";
import type { Task } from "./task.ts";

/** Validation batches that gradients and activations are taken from. */
const BATCHES = 8;
const BINS = 120;
/** Histograms reach so many standard deviations of the first model to both sides. */
const REACH = 5;

/** A model's statistics, and its activations in ascending order. */
export interface Measured {
  statistics: ModelStatistics;
  sorted: Float32Array;
}

/**
 * Measures a model along a path: the loss over all validation tokens, dropout off; gradients and activations over its first
 * batches. "Gradient" is not defined in the paper: both the size of its elements and the norms of its tensors are told.
 * @param edges of the histogram; around this model's own numbers when absent.
 */
export function measureModel(task: Task, path: readonly LayerUse[], edges?: Distribution["edges"]): Measured {
  const { model } = task;
  const loss = task.evaluate(path);
  const batches = task.validation.slice(0, BATCHES);
  model.eval();
  for (const batch of batches)
    scope(() =>
      model
        .loss(batch().batch, { path })
        .mul(1 / batches.length)
        .backward(),
    );
  const gradients = model.parameters().flatMap(({ grad }) => (grad === null ? [] : [Float32Array.from(grad.numbers)]));
  model.zeroGrad();
  const parts = batches.map((batch) =>
    scope(() => noGrad(() => Float32Array.from(model.hidden(batch().ids, { path }).numbers))),
  );
  const sorted = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    sorted.set(part, at);
    at += part.length;
  }
  sorted.sort();
  return {
    statistics: {
      loss,
      gradientElements: ofSizes(gradients),
      gradientNorms: meanAndDeviation(
        gradients.map((gradient) => Math.sqrt(sumOf(gradient, (value) => value * value))),
      ),
      activations: distributionOf(sorted, edges),
    },
    sorted,
  };
}

/** Earth mover's distance between two samples of one size, in ascending order: the mean distance of their quantiles. */
export function earthMoverDistance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`samples of ${a.length} and ${b.length} numbers cannot be compared`);
  let total = 0;
  for (let index = 0; index < a.length; index++) total += Math.abs(a[index] - b[index]);
  return total / a.length;
}

function sumOf(values: Float32Array, of: (value: number) => number): number {
  let total = 0;
  for (let index = 0; index < values.length; index++) total += of(values[index]);
  return total;
}

/** Of |g| over all elements. */
function ofSizes(gradients: readonly Float32Array[]): MeanAndDeviation {
  const count = gradients.reduce((total, { length }) => total + length, 0);
  const total = (of: (value: number) => number) => gradients.reduce((sum, gradient) => sum + sumOf(gradient, of), 0);
  const middle = total(Math.abs) / count;
  return { mean: middle, deviation: Math.sqrt(total((value) => (Math.abs(value) - middle) ** 2) / count) };
}

function meanAndDeviation(values: readonly number[]): MeanAndDeviation {
  const middle = mean(values);
  return { mean: middle, deviation: Math.sqrt(mean(values.map((value) => (value - middle) ** 2))) };
}

function distributionOf(sorted: Float32Array, given?: readonly number[]): Distribution {
  const middle = sumOf(sorted, (value) => value) / sorted.length;
  const moment = (power: number) => sumOf(sorted, (value) => (value - middle) ** power) / sorted.length;
  const deviation = Math.sqrt(moment(2));
  const edges =
    given ?? Array.from({ length: BINS + 1 }, (_, bin) => middle + deviation * REACH * ((2 * bin) / BINS - 1));
  const width = edges[1] - edges[0];
  const density = new Array<number>(edges.length - 1).fill(0);
  for (const value of sorted) {
    const bin = Math.floor((value - edges[0]) / width);
    if (bin >= 0 && bin < density.length) density[bin] += 1 / (sorted.length * width);
  }
  return { mean: middle, deviation, kurtosis: moment(4) / moment(2) ** 2, edges, density };
}
