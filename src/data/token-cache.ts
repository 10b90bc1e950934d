/** From a corpus to token ids, remembered on disk. */

import { writeWhole } from "../io/files.ts";
import { trainBpe } from "./bpe-trainer.ts";
import { loadCorpus } from "./corpus.ts";
import type { Document } from "./document.ts";
import { contentHash, defaultCacheFolder, join, readBytesIfPresent } from "./files.ts";
import { FAMILY_SPECIAL_TOKENS } from "./special-tokens.ts";
import { type DocumentSplit, splitByDocument } from "./split-by-document.ts";
import { decodeTokenFile, encodeTokenFile, type TokenFile } from "./token-file.ts";
import { type TokenSet, tokenise } from "./token-set.ts";
import { Tokenizer } from "./tokenizer.ts";
import { trainWordPiece } from "./word-piece-trainer.ts";

/** The tokenizers that can be trained: byte-level BPE, and WordPiece with small letters. */
export const TOKENIZER_KINDS = ["bpe", "wordpiece"] as const;
export type TokenizerKind = (typeof TOKENIZER_KINDS)[number];

export interface PrepareCorpusOptions {
  /** What {@link loadCorpus} takes, or the documents themselves. */
  corpus: string | readonly Document[];
  /** Ids wanted; a small corpus can give fewer. Without meaning beside an encoder. */
  vocabularySize: number;
  /** The tokenizer to encode with; one that is trained on the corpus when absent. */
  encoder?: Tokenizer;
  /** Decides the special tokens. */
  family: "gpt" | "bert";
  /** "bpe" when absent; a GPT has no other. */
  tokenizer?: TokenizerKind;
  /** Share of the documents, between 0 and 1. */
  validationFraction: number;
  /** Of the choice of validation documents. */
  seed: number;
  /** `.cache` in the working directory when absent. */
  cacheFolder?: string;
  /** Called with a few words at the start of each part of the work. */
  onProgress?: (message: string) => void;
}

export interface PreparedCorpus {
  tokenizer: Tokenizer;
  train: TokenSet;
  validation: TokenSet;
  description: CorpusDescription;
}

/** A prepared corpus in numbers. */
export interface CorpusDescription {
  /** The name or path, or "documents". */
  corpus: string;
  trainDocuments: number;
  validationDocuments: number;
  /** Between white space, of all documents. */
  words: number;
  /** Documents per genre, where the corpus has genres. */
  genres: Record<string, number>;
  vocabularySize: number;
  trainTokens: number;
  validationTokens: number;
  /** UTF-8 bytes of training text per token. */
  bytesPerToken: number;
  /** Whether the tokens came from the cache. */
  cached: boolean;
}

/** Raised whenever the same corpus and settings would give other tokens. */
const CACHE_VERSION = 1;

/** @throws when the family cannot have the tokenizer. */
export function checkTokenizerKind({ family, tokenizer }: Pick<PrepareCorpusOptions, "family" | "tokenizer">): void {
  if (family === "gpt" && tokenizer === "wordpiece")
    throw new Error("a GPT writes text, which the tokenizer wordpiece does not give back as it was: give bpe");
}

/**
 * Loads a corpus, splits it by document, trains a tokenizer on the training side unless one is given, and encodes
 * both sides, each document followed by `<|endoftext|>` (GPT) or `[SEP]` (BERT).
 *
 * Tokenizer and tokens are kept in the cache folder under a name made from the documents, the settings and the version of
 * this code; a damaged file is replaced.
 * @throws where loading, splitting or training does, when the family cannot have the tokenizer or a given one lacks what ends a
 *   document, or when the cache cannot be written.
 */
export function prepareCorpus(options: PrepareCorpusOptions): PreparedCorpus {
  const {
    corpus,
    encoder,
    vocabularySize,
    family,
    tokenizer,
    validationFraction,
    seed,
    cacheFolder = defaultCacheFolder(),
    onProgress,
  } = options;
  checkTokenizerKind(options);
  onProgress?.("reading the corpus");
  const documents = typeof corpus === "string" ? loadCorpus(corpus) : corpus;
  const split = splitByDocument(documents, { validationFraction, seed });
  const vocabulary = encoder === undefined ? { vocabularySize } : { encoder: encoder.toJson() };
  // What is absent leaves no trace in JSON, so caches from before there was a choice are still found.
  const kind = tokenizer === "bpe" ? undefined : tokenizer;
  const settings = JSON.stringify({
    version: CACHE_VERSION,
    ...vocabulary,
    family,
    validationFraction,
    seed,
    tokenizer: kind,
  });
  const path = join(cacheFolder, `tokens-${documentsHash(settings, documents).slice(0, 32)}.bin`);

  const bytes = readBytesIfPresent(path);
  const stored = bytes && decodeTokenFile(bytes, contentHash);
  const content = stored ?? build(split, options);
  if (stored === undefined) writeWhole(path, encodeTokenFile(content, contentHash));
  const prepared = {
    tokenizer: Tokenizer.fromJson(content.tokenizer),
    train: content.train,
    validation: content.validation,
  };
  const name = typeof corpus === "string" ? corpus : "documents";
  return { ...prepared, description: describe(prepared, { name, documents, split, cached: stored !== undefined }) };
}

function describe(
  { tokenizer, train, validation }: Omit<PreparedCorpus, "description">,
  source: { name: string; documents: readonly Document[]; split: DocumentSplit; cached: boolean },
): CorpusDescription {
  return {
    corpus: source.name,
    trainDocuments: source.split.train.length,
    validationDocuments: source.split.validation.length,
    words: source.documents.reduce((total, { text }) => total + (text.match(/\S+/g)?.length ?? 0), 0),
    genres: genreCounts(source.documents),
    vocabularySize: tokenizer.vocabularySize,
    trainTokens: train.tokens.length,
    validationTokens: validation.tokens.length,
    bytesPerToken: train.textBytes / train.tokens.length,
    cached: source.cached,
  };
}

function build(
  { train, validation }: DocumentSplit,
  { encoder: given, vocabularySize, family, tokenizer: kind, onProgress }: PrepareCorpusOptions,
): TokenFile {
  const trained = () => {
    onProgress?.("training the tokenizer");
    const specialTokens = FAMILY_SPECIAL_TOKENS[family];
    const trainTokenizer = kind === "wordpiece" ? trainWordPiece : trainBpe;
    const texts = train.map(({ text }) => text);
    return Tokenizer.fromJson(trainTokenizer({ texts, vocabularySize, specialTokens }));
  };
  const encoder = given ?? trained();
  onProgress?.("encoding");
  const endId = documentEnd(encoder, family);
  const encode = (side: readonly Document[]) =>
    tokenise(
      side.map(({ text }) => text),
      { encoder, endId },
    );
  return { tokenizer: encoder.toJson(), train: encode(train), validation: encode(validation) };
}

/** The id of the token that ends every document. @throws when the tokenizer has none, naming it. */
export function documentEnd({ special }: Tokenizer, family: "gpt" | "bert"): number {
  const id = family === "gpt" ? special.endOfText : special.separator;
  if (id !== undefined) return id;
  throw new Error(
    `the tokenizer has no special token ${family === "gpt" ? "<|endoftext|>" : "[SEP]"}, with which every document ends`,
  );
}

function documentsHash(settings: string, documents: readonly Document[]): string {
  return contentHash([settings, ...documents.flatMap(({ id, genre, text }) => [id, genre ?? "", text])]);
}

function genreCounts(documents: readonly Document[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { genre } of documents) if (genre !== undefined) counts[genre] = (counts[genre] ?? 0) + 1;
  return counts;
}
