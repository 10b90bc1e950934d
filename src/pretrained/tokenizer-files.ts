/** The tokenizer in a folder of Hugging Face's. */

import { Tokenizer } from "../data/tokenizer.ts";
import { bertTemplate, type TokenizerJson } from "../data/tokenizer-json.ts";
import {
  mergesTxt,
  tokenizerJsonFromVocabJson,
  tokenizerJsonFromVocabTxt,
  vocabJson,
  vocabTxt,
} from "../data/vocabulary-files.ts";
import { exists, join, readJson, readWhole } from "../io/files.ts";

const TOKENIZER_FILE = "tokenizer.json";
const CONFIG_FILE = "tokenizer_config.json";
const VOCABULARY_TXT = "vocab.txt";
const VOCABULARY_JSON = "vocab.json";
const MERGES_FILE = "merges.txt";
/** Tokens that the vocabulary files below a tokenizer.json do not have. */
const ADDED_FILE = "added_tokens.json";

/**
 * Reads `tokenizer.json` or, where there is none, `vocab.txt` of BERT or `vocab.json` and `merges.txt` of GPT-2.
 * @returns undefined where the folder has none of them.
 * @throws naming the file that is no tokenizer.
 */
export function readTokenizer(folder: string): Tokenizer | undefined {
  const path = join(folder, TOKENIZER_FILE);
  const json = exists(path) ? (readJson(path) as TokenizerJson) : readVocabulary(folder);
  if (json === undefined) return undefined;
  try {
    return Tokenizer.fromJson(json);
  } catch (error) {
    throw new Error(`${exists(path) ? path : folder}: ${(error as Error).message}`);
  }
}

function readVocabulary(folder: string): TokenizerJson | undefined {
  const [txt, json, merges, added] = [VOCABULARY_TXT, VOCABULARY_JSON, MERGES_FILE, ADDED_FILE].map((name) =>
    join(folder, name),
  );
  const text = (path: string) => new TextDecoder().decode(readWhole(path));
  if (!exists(txt) && !exists(json)) return undefined;
  if (exists(added)) throw new Error(`${added} is read only as part of a ${TOKENIZER_FILE}, which is missing`);
  if (!exists(txt))
    return tokenizerJsonFromVocabJson({ vocab: text(json), merges: text(merges), vocabName: json, mergesName: merges });
  const path = join(folder, CONFIG_FILE);
  const config = new Map(Object.entries((exists(path) ? readJson(path) : null) ?? {}));
  const flag = (name: string): boolean | undefined => {
    const value = config.get(name) ?? undefined;
    if (value === undefined || typeof value === "boolean") return value;
    throw new Error(`${path}: ${name} is ${JSON.stringify(value)}; true or false is needed`);
  };
  return tokenizerJsonFromVocabTxt({
    vocab: text(txt),
    vocabName: txt,
    // What Hugging Face's class does unless it is told.
    lowercase: flag("do_lower_case") ?? true,
    stripAccents: flag("strip_accents"),
  });
}

/** Hugging Face's names of the special tokens. */
const TOKEN_NAMES = {
  endOfText: ["bos_token", "eos_token", "unk_token"],
  padding: ["pad_token"],
  unknown: ["unk_token"],
  classification: ["cls_token"],
  separator: ["sep_token"],
  mask: ["mask_token"],
} as const;

/**
 * The files of a tokenizer by their names: `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json`, and the older
 * `vocab.txt`, or `vocab.json` and `merges.txt`, where these say as much.
 * @param options the model's family, whose special tokens stand around a text, and its longest sequence; whether its sequences
 * are read in batches filled up with padding, which GPT-2 has no token for: it is the end of text then.
 * @throws when the vocabulary cannot be written.
 */
export function tokenizerFiles(
  tokenizer: Tokenizer,
  { family, context, fillsBatches = false }: { family: "gpt" | "bert"; context: number; fillsBatches?: boolean },
): Map<string, string> {
  const json = family === "bert" ? withBertTemplate(tokenizer.toJson()) : tokenizer.toJson();
  const spelled = new Map(json.added_tokens.map(({ id, content }) => [id, content]));
  const special = Object.fromEntries(
    Object.entries(TOKEN_NAMES).flatMap(([name, keys]) => {
      const id = tokenizer.special[name as keyof typeof TOKEN_NAMES];
      return id === undefined ? [] : keys.map((key) => [key, spelled.get(id)]);
    }),
  );
  if (family === "gpt" && fillsBatches) special.pad_token ??= special.eos_token;
  const { settings, vocabulary } = kindOf(json, family);
  const config = { ...settings, ...special, model_max_length: context };
  const text = (content: object) => `${JSON.stringify(content, null, 2)}\n`;
  return new Map([
    [TOKENIZER_FILE, text(json)],
    [CONFIG_FILE, text(config)],
    ["special_tokens_map.json", text(special)],
    ...Object.entries(vocabulary),
  ]);
}

/** The class that reads a tokenizer with what it must know, and the vocabulary in that class's own files. */
function kindOf(
  json: TokenizerJson,
  family: "gpt" | "bert",
): { settings: object; vocabulary: Readonly<Record<string, string>> } {
  const { model, normalizer, pre_tokenizer } = json;
  if (model.type === "WordPiece" && normalizer?.type === "BertNormalizer") {
    const { lowercase = true, strip_accents = null } = normalizer;
    return {
      settings: { tokenizer_class: "BertTokenizer", do_lower_case: lowercase, strip_accents },
      vocabulary: { [VOCABULARY_TXT]: vocabTxt(json) },
    };
  }
  // Spaces before punctuation would otherwise be taken out of decoded text.
  const asWritten = { clean_up_tokenization_spaces: false };
  if (family === "gpt" && model.type === "BPE" && normalizer === null && pre_tokenizer?.type === "ByteLevel") {
    const { add_prefix_space = false } = pre_tokenizer;
    return {
      settings: { tokenizer_class: "GPT2Tokenizer", add_prefix_space, ...asWritten },
      vocabulary: { [VOCABULARY_JSON]: vocabJson(json), [MERGES_FILE]: mergesTxt(json) },
    };
  }
  // Among others a vocabulary of byte-level pairs with BERT's special tokens, which no class of a model has.
  return { settings: { tokenizer_class: "PreTrainedTokenizerFast", ...asWritten }, vocabulary: {} };
}

/** A tokenizer that puts [CLS] and [SEP] around texts, for programs that take these from it; encoding here never does. */
function withBertTemplate(json: TokenizerJson): TokenizerJson {
  if (json.post_processor !== null) return json;
  return { ...json, post_processor: bertTemplate(new Map(Object.entries(json.model.vocab))) };
}
