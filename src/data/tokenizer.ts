/** Text to token ids and back. */

import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { bertPieces } from "./bert-pieces.ts";
import { checkTokenizerJson } from "./check-tokenizer-json.ts";
import { preTokenPieces } from "./pre-tokens.ts";
import { SPECIAL_TOKENS } from "./special-tokens.ts";
import type { TextPiece } from "./text-piece.ts";
import { CONTINUATION, type TokenizerJson } from "./tokenizer-json.ts";

/** Ids of the special tokens that a tokenizer has; a missing one is absent. */
export interface SpecialIds {
  endOfText?: number;
  padding?: number;
  unknown?: number;
  /** Opens a BERT sequence. */
  classification?: number;
  /** Closes a BERT sequence. */
  separator?: number;
  mask?: number;
}

/** A piece of a text and its ids. */
export interface EncodedPiece {
  readonly ids: readonly number[];
  /** Where it lies in the text: UTF-16 units, `end` exclusive. */
  readonly start: number;
  readonly end: number;
}

/** How text is cut into pieces that are encoded by themselves. */
interface Cutting {
  cut(text: string): readonly TextPiece[];
  /** What stands for a word that follows another one. */
  following(word: string): string;
  /** The tokenizer that encodes one piece. */
  pieceTokenizer: TokenizerJson;
}

/** Space clean-up would change the text. */
const CONFIGURATION = { clean_up_tokenization_spaces: false };
/** Longer pre-tokens are too rare to be worth remembering. */
const LONGEST_REMEMBERED = 64;
const REMEMBERED_PIECES = 500_000;

/**
 * Runs a `tokenizer.json` through the npm package @huggingface/tokenizers.
 *
 * Byte-level BPE gives back any well-formed text exactly, WordPiece what BERT's normalisation left of it. Special tokens are
 * ids, never text: where a text spells one out ("<|endoftext|>", "[MASK]"), its characters are encoded like any others,
 * because what encodes is not told of the special tokens; only what decodes is.
 *
 * Where the tokenizer cuts text as GPT-2 or BERT do, the cutting is done here and the package encodes the pieces: its own
 * cutting differs from the Rust library's in a few characters (its white space is JavaScript's, and it reads Chinese
 * characters beyond U+FFFF as halves).
 */
export class Tokenizer {
  /** Ids run from 0 to one less than this. */
  readonly vocabularySize: number;
  readonly special: Readonly<SpecialIds>;
  /** Every special id. */
  readonly specialIds: ReadonlySet<number>;
  readonly #json: TokenizerJson;
  readonly #encoder: LibraryTokenizer;
  readonly #decoder: LibraryTokenizer;
  readonly #cutting: Cutting | undefined;
  readonly #remembered = new Map<string, readonly number[]>();

  private constructor(json: TokenizerJson) {
    this.#json = json;
    this.#cutting = cuttingOf(json);
    this.#encoder = new LibraryTokenizer(this.#cutting?.pieceTokenizer ?? { ...json, added_tokens: [] }, CONFIGURATION);
    this.#decoder = new LibraryTokenizer(json, CONFIGURATION);
    const specials = new Map(
      json.added_tokens.filter(({ special }) => special).map(({ content, id }) => [content, id]),
    );
    this.special = Object.fromEntries(
      Object.entries(SPECIAL_TOKENS).flatMap(([name, content]) =>
        specials.has(content) ? [[name, specials.get(content)!]] : [],
      ),
    );
    this.specialIds = new Set(specials.values());
    this.vocabularySize =
      1 + [...Object.values(json.model.vocab), ...specials.values()].reduce((a, b) => Math.max(a, b), -1);
  }

  /** @param json the content of a `tokenizer.json`, parsed or not. @throws when it is not one. */
  static fromJson(json: TokenizerJson | string): Tokenizer {
    try {
      return new Tokenizer(checkTokenizerJson(typeof json === "string" ? JSON.parse(json) : json));
    } catch (error) {
      throw new Error(`not a usable tokenizer.json: ${(error as Error).message}`);
    }
  }

  toJson(): TokenizerJson {
    return this.#json;
  }

  /** The ids of a text, without any special token around or in it (but for the unknown token). */
  encode(text: string): Int32Array {
    if (this.#cutting === undefined) return Int32Array.from(this.#libraryIds(text));
    return Int32Array.from(this.#idsOf(this.#cutting.cut(text)));
  }

  /**
   * The pieces of a text in order, with their ids, which joined are those of {@link encode}, and their places in the text:
   * so a run of ids is found back as text. The space that a byte-level piece begins with is encoded with it but lies outside
   * of its place, unless the piece is white space alone.
   * @throws when the tokenizer cuts text neither as GPT-2 nor as BERT.
   */
  encodePieces(text: string): readonly EncodedPiece[] {
    return this.#knownCutting()
      .cut(text)
      .map(({ text: piece, start, end }) => ({ ids: this.#pieceIds(piece), start, end }));
  }

  /**
   * The ids of each word of a text that was cut into words before. In byte-level BPE every word but the first is encoded
   * with one space before it. A word of which nothing is left, such as an empty one, gives [].
   * @throws when the tokenizer cuts text neither as GPT-2 nor as BERT.
   */
  encodeWords(words: readonly string[]): number[][] {
    const { cut, following } = this.#knownCutting();
    return words.map((word, index) => (word === "" ? [] : this.#idsOf(cut(index === 0 ? word : following(word)))));
  }

  /** The text of ids; special ones appear as they are spelled. @throws naming an id outside the vocabulary. */
  decode(ids: ArrayLike<number>): string {
    const list = Array.from(ids);
    const wrong = list.find((id) => !Number.isInteger(id) || id < 0 || id >= this.vocabularySize);
    if (wrong !== undefined) throw new Error(`${wrong} is no token id of a vocabulary of ${this.vocabularySize}`);
    return list.length === 0 ? "" : this.#decoder.decode(list, { skip_special_tokens: false });
  }

  #knownCutting(): Cutting {
    if (this.#cutting !== undefined) return this.#cutting;
    const name = this.#json.pre_tokenizer?.type ?? "nothing";
    throw new Error(
      `a tokenizer that cuts text by ${name} with these options tells no pieces: only GPT-2's and BERT's ways of cutting are known`,
    );
  }

  #idsOf(pieces: readonly TextPiece[]): number[] {
    const ids: number[] = [];
    for (const { text } of pieces) for (const id of this.#pieceIds(text)) ids.push(id);
    return ids;
  }

  #pieceIds(piece: string): readonly number[] {
    const known = this.#remembered.get(piece);
    if (known !== undefined) return known;
    const ids = this.#libraryIds(piece);
    if (piece.length <= LONGEST_REMEMBERED) {
      if (this.#remembered.size >= REMEMBERED_PIECES) this.#remembered.clear();
      this.#remembered.set(piece, ids);
    }
    return ids;
  }

  #libraryIds(text: string): number[] {
    return this.#encoder.encode(text, { add_special_tokens: false }).ids;
  }
}

function cuttingOf(json: TokenizerJson): Cutting | undefined {
  return byteLevelCutting(json) ?? bertCutting(json);
}

function byteLevelCutting(json: TokenizerJson): Cutting | undefined {
  const { normalizer, pre_tokenizer } = json;
  if (normalizer !== null || pre_tokenizer?.type !== "ByteLevel") return undefined;
  if ((pre_tokenizer.add_prefix_space ?? false) || !(pre_tokenizer.use_regex ?? true)) return undefined;
  return {
    cut: preTokenPieces,
    following: (word) => ` ${word}`,
    pieceTokenizer: { ...json, added_tokens: [], pre_tokenizer: { ...pre_tokenizer, use_regex: false } },
  };
}

function bertCutting(json: TokenizerJson): Cutting | undefined {
  const { normalizer, pre_tokenizer, model } = json;
  if (normalizer?.type !== "BertNormalizer" || pre_tokenizer?.type !== "BertPreTokenizer") return undefined;
  const { clean_text = true, handle_chinese_chars = true, lowercase = true, strip_accents } = normalizer;
  if (!clean_text || !handle_chinese_chars || model.type !== "WordPiece") return undefined;
  if (!Object.hasOwn(model.vocab, String(model.unk_token)))
    throw new Error(`its vocabulary lacks the token for what is unknown, ${model.unk_token}`);
  const options = {
    lowercase: Boolean(lowercase),
    stripAccents: strip_accents === null || strip_accents === undefined ? undefined : Boolean(strip_accents),
  };
  // A special token that is a word could be found in a text.
  const specials = new Set(json.added_tokens.filter(({ special }) => special).map(({ content }) => content));
  specials.delete(String(model.unk_token));
  const vocab = Object.fromEntries(Object.entries(model.vocab).filter(([token]) => !specials.has(token)));
  return {
    cut: (text) => bertPieces(text, options),
    following: (word) => word,
    pieceTokenizer: {
      ...json,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      model: { continuing_subword_prefix: CONTINUATION, ...model, vocab },
    },
  };
}
