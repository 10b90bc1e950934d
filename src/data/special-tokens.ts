/** Tokens that no text spells, by what they are for. */
export const SPECIAL_TOKENS = {
  endOfText: "<|endoftext|>",
  padding: "[PAD]",
  unknown: "[UNK]",
  classification: "[CLS]",
  separator: "[SEP]",
  mask: "[MASK]",
} as const;

/** The special tokens that a model family is trained with, in order of their ids. */
export const FAMILY_SPECIAL_TOKENS = {
  gpt: [SPECIAL_TOKENS.endOfText],
  bert: [
    SPECIAL_TOKENS.padding,
    SPECIAL_TOKENS.unknown,
    SPECIAL_TOKENS.classification,
    SPECIAL_TOKENS.separator,
    SPECIAL_TOKENS.mask,
  ],
} as const;
