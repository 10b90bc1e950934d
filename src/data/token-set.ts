/** Tokenised documents, one after another. */
export interface TokenSet {
  /** Every document's ids, each followed by the id that ends a document. */
  readonly tokens: Int32Array;
  /** Where in `tokens` each document begins. */
  readonly documentStarts: Int32Array;
  /** UTF-8 bytes of the documents' text. */
  readonly textBytes: number;
}

/** What a {@link TokenSet} is made with: part of a tokenizer. */
export interface Encoder {
  encode(text: string): Int32Array;
}

/** Joins documents into one run of ids; `endId` follows each. */
export function tokenise(texts: readonly string[], { encoder, endId }: { encoder: Encoder; endId: number }): TokenSet {
  const encoded = texts.map((text) => encoder.encode(text));
  const tokens = new Int32Array(encoded.reduce((total, ids) => total + ids.length + 1, 0));
  const documentStarts = new Int32Array(texts.length);
  let end = 0;
  for (const [index, ids] of encoded.entries()) {
    documentStarts[index] = end;
    tokens.set(ids, end);
    end += ids.length + 1;
    tokens[end - 1] = endId;
  }
  const measure = new TextEncoder();
  const textBytes = texts.reduce((total, text) => total + measure.encode(text).length, 0);
  return { tokens, documentStarts, textBytes };
}
