/** Text to token ids and back. */

import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { preTokens } from "./pre-tokens.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

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

const SPECIAL_TOKENS = {
  endOfText: "<|endoftext|>",
  padding: "[PAD]",
  unknown: "[UNK]",
  classification: "[CLS]",
  separator: "[SEP]",
  mask: "[MASK]",
} as const satisfies Record<keyof SpecialIds, string>;

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

/** Space clean-up would change the text. */
const CONFIGURATION = { clean_up_tokenization_spaces: false };
/** Longer pre-tokens are too rare to be worth remembering. */
const LONGEST_REMEMBERED = 64;
const REMEMBERED_PIECES = 500_000;

/**
 * Runs a `tokenizer.json` through the npm package @huggingface/tokenizers.
 *
 * A tokenizer trained by this project gives back any well-formed text exactly. Special tokens are ids, never text: where a
 * text spells one out ("<|endoftext|>", "[MASK]"), its characters are encoded like any others, because the library that
 * encodes is not told of the special tokens; only the one that decodes is.
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
  readonly #splits: boolean;
  readonly #remembered = new Map<string, readonly number[]>();

  private constructor(json: TokenizerJson) {
    this.#json = json;
    this.#encoder = new LibraryTokenizer({ ...json, added_tokens: [] }, CONFIGURATION);
    this.#decoder = new LibraryTokenizer(json, CONFIGURATION);
    this.#splits = splitsIntoPreTokens(json);
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
      return new Tokenizer(typeof json === "string" ? JSON.parse(json) : json);
    } catch (error) {
      throw new Error(`not a usable tokenizer.json: ${(error as Error).message}`);
    }
  }

  toJson(): TokenizerJson {
    return this.#json;
  }

  /** The ids of a text, without any special token around or in it. */
  encode(text: string): Int32Array {
    if (!this.#splits) return Int32Array.from(this.#libraryIds(text));
    const ids: number[] = [];
    for (const piece of preTokens(text)) for (const id of this.#pieceIds(piece)) ids.push(id);
    return Int32Array.from(ids);
  }

  /** The text of ids; special ones appear as they are spelled. @throws naming an id outside the vocabulary. */
  decode(ids: ArrayLike<number>): string {
    const list = Array.from(ids);
    const wrong = list.find((id) => !Number.isInteger(id) || id < 0 || id >= this.vocabularySize);
    if (wrong !== undefined) throw new Error(`${wrong} is no token id of a vocabulary of ${this.vocabularySize}`);
    return list.length === 0 ? "" : this.#decoder.decode(list, { skip_special_tokens: false });
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

/** Whether the tokenizer cuts text as {@link preTokens} does, so that pieces can be encoded one by one and remembered. */
function splitsIntoPreTokens({ normalizer, pre_tokenizer }: TokenizerJson): boolean {
  return (
    normalizer === null &&
    pre_tokenizer?.type === "ByteLevel" &&
    (pre_tokenizer.add_prefix_space ?? false) === false &&
    (pre_tokenizer.use_regex ?? true) === true
  );
}
