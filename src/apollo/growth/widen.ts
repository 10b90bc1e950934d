/**
 * Growing wider by copying units: function-preserving initialisation (FPI, methods B.2 [N]), of which Net2WiderNet (B.4) and
 * HyperCloning (C.9) are cases. New unit j of a space is a copy of old unit map[j]; whoever reads the space divides what it
 * read of a unit between its copies, so that every sum stays what it was.
 */

import type { Random } from "../../tensor/random.ts";
import { type Axis, axesOf, type Space } from "./parameter-axes.ts";

/** Values and shape of a parameter. */
export interface Values {
  shape: readonly number[];
  values: ArrayLike<number>;
}

/** For each unit of the wide space the unit of the narrow one that it copies, and its share of what readers had given that. */
export interface UnitMap {
  sources: readonly number[];
  /** The shares of a unit's copies sum to 1. */
  shares: readonly number[];
}

export type WidthMaps = Record<Space, UnitMap>;

export const WIDTH_MAPS = ["random", "circular"] as const;
export type WidthMapName = (typeof WIDTH_MAPS)[number];

/**
 * Copies for a space that grows from `from` to `to` units: the old units first, then, by `circular`, j mod `from`, or by `random`
 * a uniform choice. Copies share equally.
 * @throws when the space shrinks.
 */
export function unitMap(name: WidthMapName, from: number, to: number, random: Random): UnitMap {
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 1 && to >= from))
    throw new Error(`growth: ${from} units cannot become ${to}`);
  const sources = Array.from({ length: to }, (_, unit) =>
    unit < from ? unit : name === "circular" ? unit % from : random.integer(from),
  );
  const copies = new Array<number>(from).fill(0);
  for (const source of sources) copies[source]++;
  return { sources, shares: sources.map((source) => 1 / copies[source]) };
}

/**
 * The same map with unequal shares: what readers had given a unit is split between its copies at random, so that copies learn
 * different things (LEMON, methods C.5 [N]). Shares lie between ½ and 1½ times the equal ones, before they are made to sum to 1.
 */
export function withUnequalShares({ sources, shares }: UnitMap, random: Random): UnitMap {
  const drawn = shares.map((share) => share * (0.5 + random.uniform()));
  const sums = new Map<number, number>();
  sources.forEach((source, unit) => sums.set(source, (sums.get(source) ?? 0) + drawn[unit]));
  return { sources, shares: drawn.map((share, unit) => share / sums.get(sources[unit])!) };
}

/** A parameter of the wide model from that of the narrow one. */
export function widen(name: string, { shape, values }: Values, maps: WidthMaps, family: "gpt" | "bert"): Values {
  return axesOf(name, family).reduce<Values>(
    (grown, axis, dimension) => (axis === null ? grown : widenAxis(grown, dimension, axis, maps[axis.space])),
    { shape, values },
  );
}

/** Grows one dimension. A head's channels stay together: a unit is as many elements as the dimension has for each. */
function widenAxis({ shape, values }: Values, dimension: number, { role, groups = 1 }: Axis, map: UnitMap): Values {
  const units = 1 + Math.max(...map.sources);
  const length = shape[dimension];
  const unitLength = length / groups / units;
  if (!Number.isInteger(unitLength))
    throw new Error(`growth: a dimension of ${length} does not hold ${groups} × ${units} units`);
  const places: { from: number; factor: number }[] = [];
  for (let group = 0; group < groups; group++) {
    map.sources.forEach((source, unit) => {
      for (let element = 0; element < unitLength; element++) {
        const from = (group * units + source) * unitLength + element;
        places.push({ from, factor: role === "reads" ? map.shares[unit] : 1 });
      }
    });
  }
  const inner = shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
  const outer = shape.slice(0, dimension).reduce((product, size) => product * size, 1);
  const grown = new Float32Array(outer * places.length * inner);
  let at = 0;
  for (let row = 0; row < outer; row++) {
    for (const { from, factor } of places) {
      const start = (row * length + from) * inner;
      for (let column = 0; column < inner; column++) grown[at++] = factor * values[start + column];
    }
  }
  return { shape: shape.map((size, index) => (index === dimension ? places.length : size)), values: grown };
}
