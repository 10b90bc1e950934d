/**
 * What each axis of each parameter of GPT and BERT stands for, and whether the parameter reads that space or writes it: all
 * that growing wider has to know of a model (methods B.2's table, for GPT and BERT alike).
 */

import type { ModelSize } from "../../nn/index.ts";

/** The spaces whose size grows: the residual stream (C), attention's heads (H, each of a fixed size), the inner layer (F). */
export type Space = "residual" | "heads" | "inner";

/** Units of each space. A head keeps its size; the inner layer is four times the stream. */
export function unitsOf({ hidden, heads }: ModelSize): Record<Space, number> {
  return { residual: hidden, heads, inner: 4 * hidden };
}

/** @throws when a model of the one size cannot grow into one of the other unit by unit. */
export function checkGrowth(from: ModelSize, to: ModelSize): void {
  const [small, large] = [from, to].map(({ hidden, heads }) => hidden / heads);
  if (small !== large) throw new Error(`growth: heads of ${small} channels cannot become heads of ${large}`);
  for (const name of ["layers", "hidden", "vocabulary"] as const) {
    const isRight = name === "vocabulary" ? from[name] === to[name] : from[name] <= to[name];
    if (!isRight) throw new Error(`growth: a model with ${name} ${from[name]} cannot become one with ${to[name]}`);
  }
}

/** @throws when a model would have to grow wider, for methods that grow in depth alone. */
export function checkSameWidth(from: ModelSize, to: ModelSize): void {
  if (from.hidden !== to.hidden)
    throw new Error(`growth: in depth alone, ${from.hidden} channels cannot become ${to.hidden}`);
}

/** @throws when the stream does not grow by a whole ratio, for methods that copy every channel as often. */
export function checkWholeRatio(method: string, from: ModelSize, to: ModelSize): void {
  if (to.hidden % from.hidden !== 0)
    throw new Error(`${method}: ${to.hidden} channels are no whole multiple of ${from.hidden}`);
}

/**
 * One axis of a parameter. `writes`: one number per unit, which copies take over; `reads`: a sum runs over the units, which
 * copies share between them.
 */
export interface Axis {
  space: Space;
  role: "reads" | "writes";
  /** Units lie side by side in so many groups: queries, keys and values. 1 when absent. */
  groups?: number;
}

/** Axes in the order of the shape; null for one that does not grow. */
export type ParameterAxes = readonly (Axis | null)[];

const reads = (space: Space): Axis => ({ space, role: "reads" });
const writes = (space: Space): Axis => ({ space, role: "writes" });

/** Of the parameters of a transformer block, below its name. Weights of a linear layer are [in, out]. */
const BLOCK: Readonly<Record<string, ParameterAxes>> = {
  "attentionNorm.weight": [writes("residual")],
  "attentionNorm.bias": [writes("residual")],
  "attention.qkv.weight": [reads("residual"), { ...writes("heads"), groups: 3 }],
  "attention.qkv.bias": [{ ...writes("heads"), groups: 3 }],
  "attention.output.weight": [reads("heads"), writes("residual")],
  "attention.output.bias": [writes("residual")],
  "feedForwardNorm.weight": [writes("residual")],
  "feedForwardNorm.bias": [writes("residual")],
  "feedForward.up.weight": [reads("residual"), writes("inner")],
  "feedForward.up.bias": [writes("inner")],
  "feedForward.down.weight": [reads("inner"), writes("residual")],
  "feedForward.down.bias": [writes("residual")],
};

/**
 * Of all others. The token table is read again as the head, whose sum runs over the residual stream: the norm before the
 * head divides in its place.
 */
const OUTSIDE: Readonly<Record<string, ParameterAxes>> = {
  "tokenEmbedding.weight": [null, writes("residual")],
  "positionEmbedding.weight": [null, writes("residual")],
  "typeEmbedding.weight": [null, writes("residual")],
  "embeddingNorm.weight": [writes("residual")],
  "embeddingNorm.bias": [writes("residual")],
  "head.transform.weight": [reads("residual"), writes("residual")],
  "head.transform.bias": [writes("residual")],
  "head.bias": [null],
};
const BEFORE_HEAD: ParameterAxes = [reads("residual")];
/** Of pre-LN BERT, whose transform follows: it divides by itself. */
const BEFORE_TRANSFORM: ParameterAxes = [writes("residual")];

/** Where a parameter of a block stands: its layer, and its name below the block's. */
export interface BlockPlace {
  layer: number;
  name: string;
}

/** @returns null for a parameter outside of the blocks. */
export function blockPlace(name: string): BlockPlace | null {
  const match = /^blocks\.(\d+)\.(.+)$/.exec(name);
  return match === null ? null : { layer: Number(match[1]), name: match[2] };
}

/**
 * The axes of a parameter by its name in the model, or below its block's.
 * @throws for a name that neither GPT nor BERT has.
 */
export function axesOf(name: string, family: "gpt" | "bert"): ParameterAxes {
  if (name.startsWith("finalNorm.")) return family === "gpt" ? BEFORE_HEAD : BEFORE_TRANSFORM;
  if (name.startsWith("head.norm.")) return BEFORE_HEAD;
  const axes = OUTSIDE[name] ?? BLOCK[blockPlace(name)?.name ?? name];
  if (axes === undefined) throw new Error(`growth: nothing is known of the axes of the parameter "${name}"`);
  return axes;
}

/** Whether a parameter is of the norm before the head: it alone is a vector whose numbers a sum runs over. */
export function isBeforeHead(axes: readonly (Axis | null)[]): boolean {
  return axes.length === 1 && axes[0]?.role === "reads";
}

/** Why it cannot be made wider by copies. */
export const NO_NORM_BEFORE_HEAD = "post-LN GPT has no norm before its head, which growth in width has to divide";

/** @throws when nothing stands before the head that could divide between the copies of a channel, which its sum counts. */
export function checkNormBeforeHead(names: Iterable<string>, family: "gpt" | "bert"): void {
  for (const name of names) if (isBeforeHead(axesOf(name, family))) return;
  throw new Error(`growth: ${NO_NORM_BEFORE_HEAD}`);
}
