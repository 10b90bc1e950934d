/**
 * Layers with weights of their own that learn as one until their gradients part: SWE-A and SWE-M (methods B.8 [T]).
 *
 * All layers are there for the whole run. A tied group begins equal, and every member receives the mean of the group's
 * gradients: equal weights, gradients and moments stay equal to the bit, and when a group is untied its members have inherited its
 * moments. The gradients of single layers, which rules compare, cost nothing more. Unlike layers that share one set of weights
 * (SWE-F), copies count one by one in the global gradient norm, so that clipping sets in earlier.
 */

import type { TransformerBlock } from "../nn/index.ts";
import { kernelsFor } from "../tensor/engine.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { GradientRule } from "./method.ts";

/** Who is tied to whom, and what untying depends on. */
export interface Tying {
  /** Every layer once; the members of a group from the bottom up. */
  groups: readonly (readonly number[])[];
  /** Checks in a row that spoke for untying. */
  lows: number;
}

/** The tying after a check. `correlation` is that of the gradients of two layers. */
export type UntyingRule = (tying: Tying, correlation: (lower: number, upper: number) => number) => Tying;

/** Checks in a row after which SWE-A unties [T]. */
const PATIENCE = 3;

/** SWE-A: unties everything when more than half of the neighbours in groups are correlated below `threshold` three times running. */
export function untieAll(threshold: number): UntyingRule {
  return ({ groups, lows }, correlation) => {
    const pairs = groups.flatMap((group) => group.slice(1).map((upper, index) => [group[index], upper]));
    const apart = pairs.filter(([lower, upper]) => correlation(lower, upper) < threshold);
    const now = apart.length > pairs.length / 2 ? lows + 1 : 0;
    return now < PATIENCE ? { groups, lows: now } : { groups: groups.flat().map((layer) => [layer]), lows: 0 };
  };
}

/** SWE-M: splits a group between all neighbours that are correlated below `threshold`. */
export function splitGroups(threshold: number): UntyingRule {
  return ({ groups, lows }, correlation) => ({
    groups: groups.flatMap((group) => {
      const parts = [[group[0]]];
      for (const [index, upper] of group.slice(1).entries()) {
        if (correlation(group[index], upper) < threshold) parts.push([upper]);
        else parts.at(-1)!.push(upper);
      }
      return parts;
    }),
    lows,
  });
}

export interface TiedLayersOptions {
  /** L */
  layers: number;
  /** A: the unit of different layers that is repeated; layers A apart are tied, and neighbours of each other. */
  unitLayers: number;
  /** Updates from one check to the next; the first is after as many. */
  checkEvery: number;
  rule: UntyingRule;
}

/** Ties layers, and unties them by a rule. The update of a check already goes by what the rule says [D]. */
export class TiedLayers implements GradientRule {
  readonly #options: TiedLayersOptions;
  #tying: Tying;

  /** @throws when checks are no whole number of updates apart: there would never be one. */
  constructor(options: TiedLayersOptions) {
    const { checkEvery } = options;
    if (!(Number.isSafeInteger(checkEvery) && checkEvery >= 1))
      throw new Error(`tied layers: checks must be a whole number of updates apart, not ${checkEvery}`);
    this.#options = options;
    this.#tying = this.#beginning();
  }

  /** Gives all members of a group the weights of its lowest. */
  begin(blocks: readonly TransformerBlock[]): void {
    this.#tying = this.#beginning();
    for (const group of this.#tying.groups) {
      const [first, ...others] = group.map((layer) => blocks[layer].parameters());
      for (const member of others) member.forEach((parameter, index) => parameter.numbers.set(first[index].numbers));
    }
  }

  apply({ step, blocks }: { step: number; blocks: readonly TransformerBlock[] }): { tiedGroups?: number } {
    const before = this.#tying.groups.length;
    if (before === blocks.length) return {};
    const { checkEvery, rule } = this.#options;
    if (step > 0 && step % checkEvery === 0) {
      this.#tying = rule(this.#tying, (lower, upper) => gradientCorrelation(blocks[lower], blocks[upper]));
    }
    const { groups } = this.#tying;
    for (const group of groups) if (group.length > 1) giveMean(group.map((layer) => blocks[layer].parameters()));
    return groups.length === before ? {} : { tiedGroups: groups.length };
  }

  save(): string {
    return JSON.stringify(this.#tying);
  }

  load(memory: string): void {
    this.#tying = parseTying(memory, this.#options.layers);
  }

  #beginning(): Tying {
    const { layers, unitLayers } = this.#options;
    const groups = Array.from({ length: unitLayers }, (_, first) =>
      Array.from({ length: Math.ceil((layers - first) / unitLayers) }, (_, copy) => first + copy * unitLayers),
    );
    return { groups, lows: 0 };
  }
}

/**
 * Pearson's correlation of the gradients of two layers of one form, over all their elements (that all parameters count
 * together is this project's choice [D]); NaN, and so below no threshold, where a gradient is constant.
 */
export function gradientCorrelation(a: TransformerBlock, b: TransformerBlock): number {
  const others = b.parameters();
  let count = 0;
  let [sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0];
  a.parameters().forEach((parameter, index) => {
    const [x, y] = [parameter.grad!.numbers, others[index].grad!.numbers];
    for (let element = 0; element < x.length; element++) {
      sumA += x[element];
      sumB += y[element];
      squaresA += x[element] ** 2;
      squaresB += y[element] ** 2;
      products += x[element] * y[element];
    }
    count += x.length;
  });
  const covariance = products - (sumA * sumB) / count;
  return covariance / Math.sqrt((squaresA - sumA ** 2 / count) * (squaresB - sumB ** 2 / count));
}

/** Writes the mean of the members' gradients to each of them. */
function giveMean([first, ...others]: Parameter[][]): void {
  first.forEach(({ grad }, index) => {
    const mean = grad!.numbers;
    const kernels = kernelsFor(grad!.dtype);
    for (const member of others) kernels.accumulate(member[index].grad!.numbers, mean);
    kernels.scale(mean, mean, 1 / (1 + others.length));
    for (const member of others) member[index].grad!.numbers.set(mean);
  });
}

function parseTying(text: string, layers: number): Tying {
  let tying: Partial<Tying> | null = null;
  try {
    tying = JSON.parse(text);
  } catch {
    // Told below, like anything else that is no tying.
  }
  const { groups, lows } = tying ?? {};
  const named = Array.isArray(groups) ? groups.flat() : [];
  const isWhole = named.length === layers && Array.from(named.keys()).every((layer) => named.includes(layer));
  if (!isWhole || !Number.isSafeInteger(lows))
    throw new Error(`tied layers: ${JSON.stringify(text)} does not say which of ${layers} layers are tied`);
  return { groups: groups!, lows: lows! };
}
