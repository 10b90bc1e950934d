/** What texts are compared by when duplicates are looked for. */

/** The letters and digits of a text, in lower case: texts that differ in case, marks or white space alone have the same key. */
export function textKey(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}
