/** What can be told of a word's tag by the word alone. */

import type { TaggedExample } from "../../src/tasks/task.ts";
import { commonest } from "./commonest.ts";

/**
 * Learns every word's commonest tag, and the commonest of all for words that training has not seen. "May" and "may" are two words.
 * @throws without words.
 */
export function wordTags(examples: readonly Pick<TaggedExample, "words" | "tags">[]): (word: string) => number {
  const pairs = examples.flatMap(({ words, tags }) => words.map((word, index) => ({ word, tag: tags[index] })));
  const tagsOf = (some: typeof pairs) => some.map(({ tag }) => tag);
  const commonestOfAll = commonest(tagsOf(pairs));
  const byWord = new Map(
    [...Map.groupBy(pairs, ({ word }) => word)].map(([word, own]) => [word, commonest(tagsOf(own))]),
  );
  return (word) => byWord.get(word) ?? commonestOfAll;
}
