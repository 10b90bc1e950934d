/** Batches for masked-language modelling. */

import {
  type BatchOptions,
  checkLength,
  checkSize,
  EVALUATION_TOKENS,
  type EvaluationOptions,
} from "./batch-options.ts";
import { BatchStream } from "./batch-stream.ts";
import { type MaskedTokens, maskTokens } from "./masking.ts";
import type { SpecialIds } from "./tokenizer.ts";
import { copyRing, evaluationStarts, WindowOrder } from "./window-order.ts";

/** What masking needs of a tokenizer; a {@link Tokenizer} has it. */
export interface MaskingVocabulary {
  vocabularySize: number;
  special: Readonly<SpecialIds>;
  specialIds: ReadonlySet<number>;
}

/** Sequences `[CLS] tokens … [SEP]` in which some tokens are hidden. */
export interface MaskedSequences extends MaskedTokens {
  /** B */
  rows: number;
  /** The pass over the data that the first row belongs to. */
  epoch: number;
}

export interface MaskedBatchOptions extends BatchOptions {
  tokenizer: MaskingVocabulary;
}

/** [CLS] and [SEP] */
const FRAME = 2;
/** Keeps the masks of evaluation apart from those of training with the same seed. */
const EVALUATION_SEED = 0x65_76_61_6c;

/** An endless stream of training batches in the order of {@link WindowOrder}, masked anew at every step. */
export class MaskedBatches extends BatchStream<MaskedSequences> {
  readonly #order: WindowOrder;
  readonly #tokenizer: MaskingVocabulary;

  /** @throws when the tokens are fewer than a window's, or the tokenizer lacks [CLS], [SEP] or [MASK]. */
  constructor(options: MaskedBatchOptions) {
    super(options);
    const { tokens, context, seed, tokenizer } = options;
    checkFrame(tokens, context, tokenizer);
    this.#tokenizer = tokenizer;
    this.#order = new WindowOrder({ tokenCount: tokens.length, windowSize: context - FRAME, seed });
  }

  batchAt(step: number): MaskedSequences {
    const { tokens, context, batchSize, seed } = this.options;
    const places = Array.from({ length: batchSize }, (_, row) => this.#order.at(step * batchSize + row));
    const starts = places.map(({ start }) => start);
    return maskedSequences(tokens, { starts, context, epoch: places[0].epoch, tokenizer: this.#tokenizer, seed, step });
  }
}

/** Evaluation batches over the same windows and with the same masks for every run, see {@link evaluationStarts}. */
export function maskedValidationBatches(
  tokens: Int32Array,
  options: EvaluationOptions & { tokenizer: MaskingVocabulary },
): MaskedSequences[] {
  const { context, batchSize, tokenizer, minimumTokens = EVALUATION_TOKENS } = options;
  checkFrame(tokens, context, tokenizer);
  checkSize("the batch size", batchSize, 1);
  const windowSize = context - FRAME;
  const starts = evaluationStarts({
    tokenCount: tokens.length,
    windowSize,
    span: windowSize,
    minimumTokens,
  });
  // All at once: which tokens are masked does not depend on the batches.
  const all = maskedSequences(tokens, { starts, context, epoch: 0, tokenizer, seed: EVALUATION_SEED, step: 0 });
  return Array.from({ length: Math.ceil(starts.length / batchSize) }, (_, batch) =>
    rowsOf(all, { from: batch * batchSize, to: Math.min(starts.length, (batch + 1) * batchSize), context }),
  );
}

/** Some rows of masked sequences, with the masked places among them. */
function rowsOf(
  { inputs, positions, targets, epoch }: MaskedSequences,
  { from, to, context }: { from: number; to: number; context: number },
): MaskedSequences {
  const first = positions.findIndex((place) => place >= from * context);
  const after = positions.findIndex((place) => place >= to * context);
  const [begin, end] = [first, after].map((index) => (index < 0 ? positions.length : index));
  return {
    inputs: inputs.slice(from * context, to * context),
    positions: positions.slice(begin, end).map((place) => place - from * context),
    targets: targets.slice(begin, end),
    rows: to - from,
    epoch,
  };
}

function checkFrame(tokens: Int32Array, context: number, { special }: MaskingVocabulary): void {
  checkSize("the context", context, FRAME + 1);
  for (const name of ["classification", "separator", "mask"] as const) {
    if (special[name] === undefined)
      throw new Error(`the tokenizer has no ${name} token, which masked-language modelling needs`);
  }
  checkLength(tokens, { context, needed: context - FRAME });
}

function maskedSequences(
  tokens: Int32Array,
  options: {
    starts: number[];
    context: number;
    epoch: number;
    tokenizer: MaskingVocabulary;
    seed: number;
    step: number;
  },
): MaskedSequences {
  const { starts, context, epoch, tokenizer, seed, step } = options;
  const { special, specialIds, vocabularySize } = tokenizer;
  const sequences = new Int32Array(starts.length * context);
  for (const [row, start] of starts.entries()) {
    sequences[row * context] = special.classification!;
    copyRing(tokens, start, context - FRAME, sequences, row * context + 1);
    sequences[(row + 1) * context - 1] = special.separator!;
  }
  const masked = maskTokens(sequences, { specialIds, maskId: special.mask!, vocabularySize, seed, step });
  return { ...masked, rows: starts.length, epoch };
}
