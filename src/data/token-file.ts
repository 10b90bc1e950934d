/** The bytes of a tokenised corpus on disk, made so that any damage is noticed. */

import type { TokenSet } from "./token-set.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** What one cache file holds. */
export interface TokenFile {
  tokenizer: TokenizerJson;
  train: TokenSet;
  validation: TokenSet;
}

interface Header {
  tokenizer: TokenizerJson;
  trainBytes: number;
  validationBytes: number;
  /** Lengths of train tokens, train starts, validation tokens, validation starts. */
  lengths: [number, number, number, number];
}

type Hash = (parts: Iterable<string | Uint8Array>) => string;

const MAGIC = "apollo tokens 1\n";
const HASH_LENGTH = 64;
/** Magic, hash of all that follows it in hexadecimal, byte length of the header. */
const PREFIX = MAGIC.length + HASH_LENGTH + 4;

/**
 * Layout: the magic line; the hash of everything after it; the header's byte length (u32); the header as JSON; zeros up to a
 * multiple of four; then i32 train tokens, train document starts, validation tokens and validation document starts, all
 * little-endian.
 */
export function encodeTokenFile({ tokenizer, train, validation }: TokenFile, hash: Hash): Uint8Array {
  const arrays = [train.tokens, train.documentStarts, validation.tokens, validation.documentStarts];
  const header: Header = {
    tokenizer,
    trainBytes: train.textBytes,
    validationBytes: validation.textBytes,
    lengths: arrays.map(({ length }) => length) as Header["lengths"],
  };
  const headerBytes = new TextEncoder().encode(JSON.stringify(header));
  let end = numbersStart(headerBytes.length);
  const bytes = new Uint8Array(end + 4 * header.lengths.reduce((a, b) => a + b, 0));
  new DataView(bytes.buffer).setUint32(PREFIX - 4, headerBytes.length, true);
  bytes.set(headerBytes, PREFIX);
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), end);
    end += array.byteLength;
  }
  bytes.set(new TextEncoder().encode(MAGIC + hash([bytes.subarray(PREFIX - 4)])));
  return bytes;
}

/** The content of {@link encodeTokenFile}'s bytes; undefined when they are not exactly as they were written. */
export function decodeTokenFile(bytes: Uint8Array, hash: Hash): TokenFile | undefined {
  if (bytes.length < PREFIX) return undefined;
  const opening = new TextDecoder().decode(bytes.subarray(0, PREFIX - 4));
  if (opening !== MAGIC + hash([bytes.subarray(PREFIX - 4)])) return undefined;
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(PREFIX - 4, true);
  const header: Header = JSON.parse(new TextDecoder().decode(bytes.subarray(PREFIX, PREFIX + headerLength)));
  let end = numbersStart(headerLength);
  const [trainTokens, trainStarts, validationTokens, validationStarts] = header.lengths.map((length) => {
    const begin = end;
    end += 4 * length;
    // Copied, since a file's bytes need not lie at a multiple of four.
    const numbers = new Int32Array(length);
    new Uint8Array(numbers.buffer).set(bytes.subarray(begin, end));
    return numbers;
  });
  return {
    tokenizer: header.tokenizer,
    train: { tokens: trainTokens, documentStarts: trainStarts, textBytes: header.trainBytes },
    validation: { tokens: validationTokens, documentStarts: validationStarts, textBytes: header.validationBytes },
  };
}

function numbersStart(headerLength: number): number {
  return 4 * Math.ceil((PREFIX + headerLength) / 4);
}
