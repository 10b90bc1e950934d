/** Token sequences as BERT reads them: framed by special tokens, and padded into batches. */

import type { SpecialIds } from "../data/index.ts";
import type { EncodedBatch } from "../nn/index.ts";
import { Tensor } from "../tensor/tensor.ts";

/** One framed sequence. */
export interface EncodedSequence {
  readonly ids: readonly number[];
  /** Which of two texts each token belongs to: 0 or 1. */
  readonly types: readonly number[];
}

/** The special tokens of a BERT vocabulary. */
export type FrameIds = Required<Pick<SpecialIds, "classification" | "separator" | "padding">>;

/** @throws naming the special token that a tokenizer lacks. */
export function frameIdsOf({ special }: { special: Readonly<SpecialIds> }): FrameIds {
  const { classification, separator, padding } = special;
  for (const [name, id] of Object.entries({ classification, separator, padding }))
    if (id === undefined) throw new Error(`the tokenizer has no ${name} token, which fine-tuning needs`);
  return { classification: classification!, separator: separator!, padding: padding! };
}

/** `[CLS] first [SEP]`, or `[CLS] first [SEP] second [SEP]` (Devlin et al. 2019, figure 4). */
export function frame(first: readonly number[], second: readonly number[] | undefined, ids: FrameIds): EncodedSequence {
  const head = [ids.classification, ...first, ids.separator];
  if (second === undefined) return { ids: head, types: head.map(() => 0) };
  const tail = [...second, ids.separator];
  return { ids: [...head, ...tail], types: [...head.map(() => 0), ...tail.map(() => 1)] };
}

/** Special tokens around one text. */
export const FRAME_OF_ONE = 2;
/** Special tokens around and between two texts. */
export const FRAME_OF_TWO = 3;

/** Cuts one text, or two, to what fits: of two always the longer one, from its end, until both do. */
export function truncate(
  first: readonly number[],
  second: readonly number[] | undefined,
  context: number,
): [first: readonly number[], second: readonly number[] | undefined] {
  if (second === undefined) return [first.slice(0, context - FRAME_OF_ONE), undefined];
  const room = context - FRAME_OF_TWO;
  if (first.length + second.length <= room) return [first, second];
  const half = Math.ceil(room / 2);
  const kept = first.length <= half ? first.length : Math.max(half, room - second.length);
  return [first.slice(0, kept), second.slice(0, room - kept)];
}

/** Pads sequences to the longest of them: tensors of the present scope. */
export function batchOf(sequences: readonly EncodedSequence[], { padding }: FrameIds): EncodedBatch {
  const rows = sequences.length;
  const tokens = Math.max(...sequences.map(({ ids }) => ids.length));
  const inputs = new Int32Array(rows * tokens).fill(padding);
  const types = new Int32Array(rows * tokens);
  const mask = new Float32Array(rows * tokens);
  for (const [row, sequence] of sequences.entries()) {
    inputs.set(sequence.ids, row * tokens);
    types.set(sequence.types, row * tokens);
    mask.fill(1, row * tokens, row * tokens + sequence.ids.length);
  }
  return {
    inputs: Tensor.from(inputs, [rows, tokens], "i32"),
    types: Tensor.from(types, [rows, tokens], "i32"),
    mask: Tensor.from(mask, [rows, 1, 1, tokens]),
  };
}
