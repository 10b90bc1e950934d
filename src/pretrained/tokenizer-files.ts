/** The tokenizer in a folder of Hugging Face's. */

import { Tokenizer } from "../data/tokenizer.ts";
import type { TokenizerJson } from "../data/tokenizer-json.ts";
import { exists, join, readJson, writeWhole } from "../io/files.ts";

const TOKENIZER_FILE = "tokenizer.json";

/** @returns undefined where the folder has none. @throws naming the file that is no tokenizer. */
export function readTokenizer(folder: string): Tokenizer | undefined {
  const path = join(folder, TOKENIZER_FILE);
  if (!exists(path)) return undefined;
  const json = readJson(path) as TokenizerJson;
  try {
    return Tokenizer.fromJson(json);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
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
 * Writes `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`.
 * @param options the model's family, whose special tokens stand around a text, and its longest sequence.
 */
export function writeTokenizer(
  folder: string,
  tokenizer: Tokenizer,
  { family, context }: { family: "gpt" | "bert"; context: number },
): void {
  const json = family === "bert" ? withBertTemplate(tokenizer) : tokenizer.toJson();
  const spelled = new Map(json.added_tokens.map(({ id, content }) => [id, content]));
  const special = Object.fromEntries(
    Object.entries(TOKEN_NAMES).flatMap(([name, keys]) => {
      const id = tokenizer.special[name as keyof typeof TOKEN_NAMES];
      return id === undefined ? [] : keys.map((key) => [key, spelled.get(id)]);
    }),
  );
  const config = { ...classOf(json, family), ...special, model_max_length: context };
  const files = { [TOKENIZER_FILE]: json, "tokenizer_config.json": config, "special_tokens_map.json": special };
  for (const [name, content] of Object.entries(files))
    writeWhole(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
}

/** The class that reads the files, and what it must know. */
function classOf(json: TokenizerJson, family: "gpt" | "bert"): object {
  if (json.model.type === "WordPiece") {
    const { lowercase = false } = (json.normalizer ?? {}) as { lowercase?: boolean };
    return { tokenizer_class: "BertTokenizer", do_lower_case: lowercase };
  }
  // Spaces before punctuation would otherwise be taken out of decoded text.
  const asWritten = { clean_up_tokenization_spaces: false };
  if (family === "gpt") return { tokenizer_class: "GPT2Tokenizer", add_prefix_space: false, ...asWritten };
  // A vocabulary of byte-level pairs with BERT's special tokens: no other class has both.
  return { tokenizer_class: "PreTrainedTokenizerFast", ...asWritten };
}

/** A tokenizer that puts [CLS] and [SEP] around texts, for programs that take these from it. */
function withBertTemplate(tokenizer: Tokenizer): TokenizerJson {
  const json = tokenizer.toJson();
  const { classification, separator } = tokenizer.special;
  if (json.post_processor !== null || classification === undefined || separator === undefined) return json;
  const open = { SpecialToken: { id: "[CLS]", type_id: 0 } };
  const close = (type: number) => ({ SpecialToken: { id: "[SEP]", type_id: type } });
  const text = (id: "A" | "B", type: number) => ({ Sequence: { id, type_id: type } });
  const single = [open, text("A", 0), close(0)];
  const token = (id: string, number: number) => ({ id, ids: [number], tokens: [id] });
  return {
    ...json,
    post_processor: {
      type: "TemplateProcessing",
      single,
      pair: [...single, text("B", 1), close(1)],
      special_tokens: { "[CLS]": token("[CLS]", classification), "[SEP]": token("[SEP]", separator) },
    },
  };
}
