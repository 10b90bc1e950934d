/** How parameters begin. */

import type { Initializer } from "../tensor/tensor.ts";
import type { Module } from "./module.ts";

/** Normal numbers of mean 0. */
export function normal(standardDeviation: number): Initializer {
  return (values, random) => {
    for (let index = 0; index < values.length; index++) values[index] = standardDeviation * random.normal();
  };
}

/** Uniform numbers in [−bound, bound). */
export function uniformWithin(bound: number): Initializer {
  return (values, random) => {
    for (let index = 0; index < values.length; index++) values[index] = bound * (2 * random.uniform() - 1);
  };
}

/** One number everywhere. */
export function constant(value: number): Initializer {
  return (values) => {
    values.fill(value);
  };
}

/**
 * Names every parameter after its place in the module and hands it the seed, so that its initial values depend on
 * (seed, place) alone: two models that share a layer's name and seed begin with the same layer, whatever their depth.
 * @throws when the seed is no whole number.
 */
export function initialize(module: Module, options: { seed: number }): void {
  if (!Number.isSafeInteger(options.seed))
    throw new Error(`initialize: the seed must be a whole number, not ${options.seed}`);
  for (const [name, parameter] of module.namedParameters()) {
    parameter.name = name;
    parameter.seed = options.seed;
  }
}
