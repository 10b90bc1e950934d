/**
 * Doubling the width of a whole training state (staged training, methods B.7 [C]): the wide model is two copies of the narrow one
 * side by side. A matrix W becomes [[W, 0], [0, W]]; what has one growing axis, as embeddings, biases and norms, becomes
 * [x, x]; the norm before the head is halved, since the head's sum runs over both copies: the logits stay.
 *
 * Behind the halved norm every gradient of a copy is half of what it was, so that averages of gradients are halved and those of
 * squares quartered. The gradients of the halved norm itself and of the head's bias, which does not grow, stay as they were. Other
 * blocks begin with averages of 0 under the step count of the parameter.
 */

import { type Axis, axesOf, isBeforeHead } from "./parameter-axes.ts";
import type { Values } from "./widen.ts";

/** A parameter's weights, or the average of its gradients (Adam's m) or of their squares (v). */
export type StateKind = "weights" | "gradients" | "squares";

/** Where an element of a grown axis comes from, and in which copy it lies; null on an axis that does not grow. */
interface Place {
  source: number;
  copy: 0 | 1 | null;
}

/** @param name of the parameter, of whose shape `values` are. @returns those of twice the width. */
export function doubleWidth(name: string, { shape, values }: Values, kind: StateKind, family: "gpt" | "bert"): Values {
  const axes = axesOf(name, family);
  const factor = factorOf(kind, axes);
  const places = shape.map((length, dimension) => placesOf(length, axes[dimension]));
  const grown = new Float32Array(places.reduce((size, { length }) => size * length, 1));
  for (let index = 0; index < grown.length; index++) {
    let [rest, stride, from] = [index, 1, 0];
    let copy: Place["copy"] = null;
    let isBetweenCopies = false;
    for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
      const place = places[dimension][rest % places[dimension].length];
      rest = Math.floor(rest / places[dimension].length);
      from += stride * place.source;
      stride *= shape[dimension];
      if (copy !== null && place.copy !== null && copy !== place.copy) isBetweenCopies = true;
      copy ??= place.copy;
    }
    if (!isBetweenCopies) grown[index] = factor * values[from];
  }
  return { shape: places.map(({ length }) => length), values: grown };
}

function factorOf(kind: StateKind, axes: readonly (Axis | null)[]): number {
  if (kind === "weights") return isBeforeHead(axes) ? 1 / 2 : 1;
  const isAsItWas = isBeforeHead(axes) || axes.every((axis) => axis === null);
  return isAsItWas ? 1 : kind === "squares" ? 1 / 4 : 1 / 2;
}

/** Queries, keys and values double each by itself; heads stay whole, since the copies lie one behind the other. */
function placesOf(length: number, axis: Axis | null): Place[] {
  if (axis === null) return Array.from({ length }, (_, source) => ({ source, copy: null }));
  const group = length / (axis.groups ?? 1);
  return Array.from({ length: 2 * length }, (_, index) => {
    const within = index % (2 * group);
    const source = Math.floor(index / (2 * group)) * group + (within % group);
    return { source, copy: within < group ? 0 : 1 };
  });
}
