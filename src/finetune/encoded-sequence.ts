/** Token sequences as a model reads them: framed by special tokens, and padded into batches. */

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
const FRAME_OF_TWO = 3;

/** How models of a family read a text, or two. */
export interface Framing {
  /** What stands behind the shorter sequences of a batch. */
  readonly padding: number;
  /** One text or two as a sequence, cut to the context: of two always the longer one, from its end, until both fit. */
  sequenceOf(first: readonly number[], second: readonly number[] | undefined, context: number): EncodedSequence;
}

/** @throws naming the special token that a tokenizer lacks. */
export const framingOf = (family: "gpt" | "bert", tokenizer: { special: Readonly<SpecialIds> }): Framing =>
  family === "bert" ? bertFraming(tokenizer) : gptFraming(tokenizer);

function bertFraming(tokenizer: { special: Readonly<SpecialIds> }): Framing {
  const ids = frameIdsOf(tokenizer);
  return {
    padding: ids.padding,
    sequenceOf: (first, second, context) =>
      frame(...truncate(first, second, context - (second === undefined ? FRAME_OF_ONE : FRAME_OF_TWO)), ids),
  };
}

/**
 * `first`, or `first <|endoftext|> second`. GPT-2 has no custom for pairs: this one is the project's, after what stands between
 * two texts in pre-training. Padding is the same token, as usual, so no sequence ends with it but that of an empty text. (Hugging
 * Face's class takes the last token that is not padding; before version 4.49 it stopped at the first padding token, and so read
 * a pair's first text alone.)
 */
function gptFraming({ special: { endOfText } }: { special: Readonly<SpecialIds> }): Framing {
  if (endOfText === undefined)
    throw new Error("the tokenizer has no end-of-text token, which fine-tuning of a GPT needs");
  return {
    padding: endOfText,
    sequenceOf(whole, other, context) {
      const [first, second = []] = truncate(whole, other, context - (other === undefined ? 0 : 1));
      const tail = second.length === 0 ? [] : [endOfText, ...second];
      const ids = first.length + tail.length === 0 ? [endOfText] : [...first, ...tail];
      return { ids, types: ids.map((_, place) => Number(place > first.length)) };
    },
  };
}

/** Cuts one text, or two, to the room there is: of two always the longer one, from its end, until both fit. */
export function truncate(
  first: readonly number[],
  second: readonly number[] | undefined,
  room: number,
): [first: readonly number[], second: readonly number[] | undefined] {
  if (second === undefined) return [first.slice(0, room), undefined];
  if (first.length + second.length <= room) return [first, second];
  const half = Math.ceil(room / 2);
  const kept = first.length <= half ? first.length : Math.max(half, room - second.length);
  return [first.slice(0, kept), second.slice(0, room - kept)];
}

/** Pads sequences to the longest of them: tensors of the present scope. */
export function batchOf(sequences: readonly EncodedSequence[], { padding }: Pick<FrameIds, "padding">): EncodedBatch {
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
