/** What the BERT of a folder expects behind the masks of a text. */

import type { Tokenizer } from "../data/tokenizer.ts";
import type { TokenizerJson } from "../data/tokenizer-json.ts";
import { fillMask } from "../nn/index.ts";
import { naming } from "./naming.ts";
import { openModel } from "./open-model.ts";

/** How a mask is written in a text. */
export const MASK = "[MASK]";

export interface FillMaskTextOptions {
  /** With at least one {@link MASK}. */
  text: string;
  /** Candidates for each mask. */
  count: number;
}

/** A candidate as it would stand in the text: of byte-level tokens those that begin a word bring their space. */
export interface MaskFilling {
  text: string;
  probability: number;
}

/**
 * The likeliest tokens for each mask of a text, the likeliest first, by the weights of a run, finished or cut off, or of
 * a model in Hugging Face's form.
 * The masks are filled at once, and each stands for one token.
 * @throws when the folder holds no BERT, a file or the weights in it are damaged, or the text has no mask or exceeds the context.
 */
export function fillMaskText(folder: string, { text, count }: FillMaskTextOptions): MaskFilling[][] {
  if (!text.includes(MASK)) throw new Error(`there is no ${MASK} in ${JSON.stringify(text)}`);
  const { model, tokenizer, path } = openModel(folder);
  if (model.family !== "bert") throw new Error(`${folder} holds a ${model.family} model; only bert fills masks`);
  const ids = naming(folder, () => maskedIds(text, tokenizer));
  const { context } = model.size;
  if (ids.length > context)
    throw new Error(
      `the text has ${ids.length} tokens with [CLS] and [SEP], and the model of ${folder} sees ${context}`,
    );
  const positions = [...ids.keys()].filter((position) => ids[position] === tokenizer.special.mask);
  const filled = naming(folder, () => fillMask(model, ids, { positions, count, path: path() }));
  return filled.map((candidates) =>
    candidates.map(({ token, probability }) => ({ text: tokenizer.decode([token]), probability })),
  );
}

/** `[CLS] text [SEP]` with the mask's id for every {@link MASK}, which a tokenizer would take for letters. */
function maskedIds(text: string, tokenizer: Tokenizer): number[] {
  const { classification, separator, mask } = tokenizer.special;
  if (classification === undefined || separator === undefined || mask === undefined)
    throw new Error(`the tokenizer lacks [CLS], [SEP] or ${MASK}, which filling masks needs`);
  const parts = text.split(MASK);
  // In byte-level vocabularies the space before a word belongs to the word's token, and here to the one that is hidden.
  const isByteLevel = splitsByteLevel(tokenizer.toJson().pre_tokenizer);
  const ids = parts.flatMap((part, index) => {
    const isBeforeMask = index < parts.length - 1;
    const seen = isByteLevel && isBeforeMask && part.endsWith(" ") ? part.slice(0, -1) : part;
    return [...tokenizer.encode(seen), ...(isBeforeMask ? [mask] : [])];
  });
  return [classification, ...ids, separator];
}

/** Whether a tokenizer's first cut, or one of several, is into the bytes of words with the spaces before them. */
function splitsByteLevel(cut: TokenizerJson["pre_tokenizer"]): boolean {
  if (cut === null) return false;
  const steps = (cut.pretokenizers ?? []) as (typeof cut)[];
  return cut.type === "ByteLevel" || steps.some(splitsByteLevel);
}
