/** The content of a Hugging Face `tokenizer.json`, as far as this project writes and reads it. */

import { SPECIAL_TOKENS } from "./special-tokens.ts";

export interface AddedTokenJson {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

export interface TokenizerJson {
  version: string;
  truncation: null;
  padding: null;
  added_tokens: AddedTokenJson[];
  normalizer: { type: string; [option: string]: unknown } | null;
  pre_tokenizer: { type: string; add_prefix_space?: boolean; use_regex?: boolean; [option: string]: unknown } | null;
  post_processor: object | null;
  decoder: object | null;
  model: {
    type: string;
    vocab: Record<string, number>;
    merges?: (string | [string, string])[];
    [option: string]: unknown;
  };
}

/** A byte-level BPE tokenizer without normalisation or prefix space, from its vocabulary in order of ids. */
export function byteLevelTokenizerJson(parts: {
  specialTokens: readonly string[];
  /** Of all ids, special tokens included. */
  tokens: readonly string[];
  merges: readonly (readonly [string, string])[];
}): TokenizerJson {
  const ids = new Map(parts.tokens.map((token, id) => [token, id]));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(parts.specialTokens, ids),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges: parts.merges.map(([left, right]) => `${left} ${right}`),
    },
  };
}

/** What begins every token of a WordPiece vocabulary that goes on with a word. */
export const CONTINUATION = "##";

/**
 * A WordPiece tokenizer as BERT has it, from its vocabulary in order of ids. What it encodes for others is
 * `[CLS] text [SEP]`, or `[CLS] text [SEP] text [SEP]` with type 1 after the first `[SEP]`, where there are such tokens.
 * @throws when the vocabulary has no `[UNK]`.
 */
export function wordPieceTokenizerJson(parts: {
  specialTokens: readonly string[];
  /** Of all ids, special tokens included. */
  tokens: readonly string[];
  lowercase: boolean;
  /** As `lowercase` when absent. */
  stripAccents?: boolean;
  /** What errors call the file that holds the vocabulary, if one does. */
  vocabName?: string;
}): TokenizerJson {
  const ids = new Map(parts.tokens.map((token, id) => [token, id]));
  if (!ids.has(SPECIAL_TOKENS.unknown)) {
    const place = parts.vocabName === undefined ? "" : `${parts.vocabName}: `;
    throw new Error(`${place}a WordPiece vocabulary needs the token ${SPECIAL_TOKENS.unknown}, and this one lacks it`);
  }
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(parts.specialTokens, ids),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: parts.stripAccents ?? null,
      lowercase: parts.lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: bertTemplate(ids),
    decoder: { type: "WordPiece", prefix: CONTINUATION, cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: SPECIAL_TOKENS.unknown,
      continuing_subword_prefix: CONTINUATION,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

function addedTokens(specialTokens: readonly string[], ids: ReadonlyMap<string, number>): AddedTokenJson[] {
  return specialTokens.map((content) => ({
    id: ids.get(content)!,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
}

/** What puts [CLS] and [SEP] around one text or two; null where the vocabulary has no such tokens. */
export function bertTemplate(ids: ReadonlyMap<string, number>): object | null {
  const { classification, separator } = SPECIAL_TOKENS;
  if (!ids.has(classification) || !ids.has(separator)) return null;
  const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: "A" | "B", type_id: number) => ({ Sequence: { id, type_id } });
  const single = [special(classification, 0), sequence("A", 0), special(separator, 0)];
  const described = (token: string) => [token, { id: token, ids: [ids.get(token)!], tokens: [token] }];
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, sequence("B", 1), special(separator, 1)],
    special_tokens: Object.fromEntries([described(classification), described(separator)]),
  };
}
