/**
 * Vocabularies as Hugging Face's folders hold them beside or instead of a `tokenizer.json`: `vocab.txt` of BERT, `vocab.json` and
 * `merges.txt` of GPT-2. Everything here works on the files' text.
 */

import { BYTE_CHARACTERS } from "./byte-alphabet.ts";
import { FAMILY_SPECIAL_TOKENS } from "./special-tokens.ts";
import { byteLevelTokenizerJson, type TokenizerJson, wordPieceTokenizerJson } from "./tokenizer-json.ts";

export interface VocabTxt {
  /** The content of `vocab.txt`. */
  vocab: string;
  /** What errors call the file; `vocab.txt` when absent. */
  vocabName?: string;
}

export interface VocabJson {
  /** The content of `vocab.json`. */
  vocab: string;
  /** The content of `merges.txt`. */
  merges: string;
  /** What errors call the files; `vocab.json` and `merges.txt` when absent. */
  vocabName?: string;
  mergesName?: string;
}

/** The tokens of a byte-level vocabulary in order of their ids, and its merges in order. */
export interface ByteLevelVocabulary {
  tokens: string[];
  merges: [string, string][];
}

const MERGES_VERSION = "#version: 0.2";

/**
 * BERT's tokens in order of their ids: one on each line.
 * @throws naming the line of an empty or repeated token.
 */
export function readBertVocabulary({ vocab, vocabName = "vocab.txt" }: VocabTxt): string[] {
  const tokens = linesOf(vocab);
  if (tokens.length === 0) throw new Error(`${vocabName} holds no token`);
  const lines = new Map<string, number>();
  for (const [index, token] of tokens.entries()) {
    const line = index + 1;
    if (token === "") throw new Error(`${vocabName} line ${line} is empty, but every line holds a token`);
    if (lines.has(token))
      throw new Error(`${vocabName} line ${line} repeats the token "${token}" of line ${lines.get(token)}`);
    lines.set(token, line);
  }
  return tokens;
}

/**
 * A byte-level vocabulary: ids from 0 on without a gap, all bytes among the tokens, and merges that make tokens.
 * @throws naming the file, and the token or line that is wrong.
 */
export function readByteLevelVocabulary(files: VocabJson): ByteLevelVocabulary {
  const { vocabName = "vocab.json", mergesName = "merges.txt" } = files;
  const tokens = tokensById(parseVocabulary(files.vocab, vocabName), vocabName);
  const known = new Set(tokens);
  const missing = BYTE_CHARACTERS.findIndex((character) => !known.has(character));
  if (missing >= 0)
    throw new Error(`${vocabName} lacks "${BYTE_CHARACTERS[missing]}", the token of the byte ${missing}`);
  const lines = linesOf(files.merges);
  const merges: [string, string][] = [];
  const seen = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    if (index === 0 && line.startsWith("#version")) continue;
    const place = `${mergesName} line ${index + 1}`;
    const parts = line.split(" ");
    if (parts.length !== 2 || parts.includes(""))
      throw new Error(`${place} is "${line}", but a merge is two tokens with a space between`);
    const [left, right] = parts;
    const unknown = [left, right, left + right].find((token) => !known.has(token));
    if (unknown !== undefined) throw new Error(`${place} needs the token "${unknown}", which ${vocabName} lacks`);
    if (seen.has(line)) throw new Error(`${place} repeats the merge "${line}" of line ${seen.get(line)}`);
    seen.set(line, index + 1);
    merges.push([left, right]);
  }
  return { tokens, merges };
}

/**
 * BERT's tokenizer from its `vocab.txt`. Of the tokens [PAD], [UNK], [CLS], [SEP] and [MASK] those that it holds are special.
 * @param options.lowercase whether the vocabulary is "uncased": letters are made small.
 * @param options.stripAccents as `lowercase` when absent.
 * @throws as {@link readBertVocabulary}, and when [UNK] is missing.
 */
export function tokenizerJsonFromVocabTxt(
  options: VocabTxt & { lowercase: boolean; stripAccents?: boolean },
): TokenizerJson {
  const tokens = readBertVocabulary(options);
  const { lowercase, stripAccents, vocabName = "vocab.txt" } = options;
  const specialTokens = specialAmong(tokens, "bert");
  return wordPieceTokenizerJson({ specialTokens, tokens, lowercase, stripAccents, vocabName });
}

/** GPT-2's tokenizer from its `vocab.json` and `merges.txt`; `<|endoftext|>` is special. @throws as {@link readByteLevelVocabulary}. */
export function tokenizerJsonFromVocabJson(files: VocabJson): TokenizerJson {
  const vocabulary = readByteLevelVocabulary(files);
  return byteLevelTokenizerJson({ specialTokens: specialAmong(vocabulary.tokens, "gpt"), ...vocabulary });
}

/** The `vocab.txt` of a WordPiece tokenizer. @throws when ids have a gap or a token cannot stand on a line of its own. */
export function vocabTxt(json: TokenizerJson): string {
  const tokens = tokensById(vocabularyOf(json), "the tokenizer");
  // Readers take white space off the ends of lines.
  const wrong = tokens.find((token) => token === "" || token !== token.trimEnd() || /[\r\n]/.test(token));
  if (wrong !== undefined) throw new Error(`the token ${JSON.stringify(wrong)} cannot stand on a line of vocab.txt`);
  return tokens.map((token) => `${token}\n`).join("");
}

/** The `vocab.json` of a tokenizer: ids by token. @throws when ids have a gap. */
export function vocabJson(json: TokenizerJson): string {
  // JSON.stringify of an object would put tokens that are numbers first.
  const entries = tokensById(vocabularyOf(json), "the tokenizer").map((token, id) => `${JSON.stringify(token)}: ${id}`);
  return `{${entries.join(", ")}}`;
}

/** The `merges.txt` of a byte-level tokenizer. @throws when the tokenizer has no merges, as WordPiece has none. */
export function mergesTxt({ model }: TokenizerJson): string {
  if (model.merges === undefined) throw new Error(`a tokenizer of type ${model.type} has no merges`);
  const lines = model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  return [MERGES_VERSION, ...lines].map((line) => `${line}\n`).join("");
}

/** Lines without white space at their ends; the last one may or may not be ended. */
function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

function parseVocabulary(text: string, name: string): [string, number][] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new Error(`${name} is not an object of ids by token`);
  return Object.entries(parsed);
}

function vocabularyOf({ model, added_tokens }: TokenizerJson): [string, number][] {
  return [
    ...new Map([...Object.entries(model.vocab), ...added_tokens.map(({ content, id }) => [content, id] as const)]),
  ];
}

function tokensById(entries: readonly (readonly [string, number])[], name: string): string[] {
  const tokens: string[] = [];
  for (const [token, id] of entries) {
    if (!Number.isInteger(id) || id < 0) throw new Error(`${name}: the id of "${token}" is ${JSON.stringify(id)}`);
    if (tokens[id] !== undefined) throw new Error(`${name}: "${tokens[id]}" and "${token}" have the same id ${id}`);
    tokens[id] = token;
  }
  if (entries.length === 0) throw new Error(`${name} holds no token`);
  const missing = tokens.findIndex((token) => typeof token !== "string");
  if (missing >= 0) throw new Error(`${name}: no token has the id ${missing}, but ids go up to ${tokens.length - 1}`);
  return tokens;
}

function specialAmong(tokens: readonly string[], family: keyof typeof FAMILY_SPECIAL_TOKENS): string[] {
  const known = new Set(tokens);
  return FAMILY_SPECIAL_TOKENS[family].filter((token) => known.has(token));
}
