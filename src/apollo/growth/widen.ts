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
  /** Splits every number that is read of a unit in shares of its own, drawn from here; they sum to 1 as well. */
  splits?: Random;
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
 * The same map with splits at random: W = W₁ + W₂ + …, with other parts in every element, so that copies come to learn different
 * things (LEMON, methods C.5 [N] [C]). Parts lie between ½ and 1½ times the equal ones, before they are made to sum to W [D].
 */
export const withRandomSplits = (map: UnitMap, splits: Random): UnitMap => ({ ...map, splits });

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
  const places: { from: number; share: number }[] = [];
  for (let group = 0; group < groups; group++) {
    map.sources.forEach((source, unit) => {
      for (let element = 0; element < unitLength; element++) {
        const from = (group * units + source) * unitLength + element;
        places.push({ from, share: role === "reads" ? map.shares[unit] : 1 });
      }
    });
  }
  const shares = places.map(({ share }) => share);
  const splits = role === "reads" ? map.splits : undefined;
  const inner = shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
  const outer = shape.slice(0, dimension).reduce((product, size) => product * size, 1);
  const grown = new Float32Array(outer * places.length * inner);
  for (let row = 0; row < outer; row++) {
    for (let column = 0; column < inner; column++) {
      const parts = splits === undefined ? shares : randomParts(places, splits);
      places.forEach(({ from }, place) => {
        grown[(row * places.length + place) * inner + column] =
          parts[place] * values[(row * length + from) * inner + column];
      });
    }
  }
  return { shape: shape.map((size, index) => (index === dimension ? places.length : size)), values: grown };
}

/** Parts of which those from one place sum to 1. */
function randomParts(places: readonly { from: number; share: number }[], random: Random): number[] {
  const drawn = places.map(({ share }) => share * (0.5 + random.uniform()));
  const sums = new Map<number, number>();
  places.forEach(({ from }, place) => sums.set(from, (sums.get(from) ?? 0) + drawn[place]));
  return places.map(({ from }, place) => drawn[place] / sums.get(from)!);
}
