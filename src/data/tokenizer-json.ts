/** The content of a Hugging Face `tokenizer.json`, as far as this project writes and reads it. */

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
  normalizer: object | null;
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
    added_tokens: parts.specialTokens.map((content) => ({
      id: ids.get(content)!,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
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
