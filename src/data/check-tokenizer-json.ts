/** Whether a file's content is a tokenizer that can be run here: files come from anywhere. */

import type { TokenizerJson } from "./tokenizer-json.ts";

/** Kinds of models that are run. */
const MODELS = ["BPE", "WordPiece"];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * The content with what it may leave out filled in.
 * @throws with what is wrong of it.
 */
export function checkTokenizerJson(content: unknown): TokenizerJson {
  const fail = (problem: string): never => {
    throw new Error(problem);
  };
  if (!isObject(content)) return fail("it is no JSON object");
  const { model, added_tokens: added = [], normalizer = null, pre_tokenizer = null } = content;
  if (!isObject(model)) return fail("it has no model");
  const { vocab, merges } = model;
  // Early files of BPE tokenizers do not name their kind.
  const type = model.type ?? (merges === undefined ? undefined : "BPE");
  if (!MODELS.includes(type as string))
    fail(`its model is of type ${JSON.stringify(type)}; those that are run are ${MODELS.join(" and ")}`);
  if (!isObject(vocab)) return fail("its model has no vocab, an id for every token");
  for (const [token, id] of Object.entries(vocab))
    if (!isId(id))
      fail(`the id of the token ${JSON.stringify(token)} is ${JSON.stringify(id)}, not a whole number from 0`);
  if (type === "BPE") {
    if (!Array.isArray(merges)) return fail("its model has no list of merges");
    const wrong = merges.findIndex((merge) => (typeof merge === "string" ? merge.split(" ") : merge)?.length !== 2);
    if (wrong >= 0) fail(`its merge ${wrong} is ${JSON.stringify(merges[wrong])}, not two tokens`);
  }
  if (!Array.isArray(added)) return fail("its added_tokens are no list");
  const odd = added.find((token) => !isObject(token) || typeof token.content !== "string" || !isId(token.id));
  if (odd !== undefined) fail(`an added token is ${JSON.stringify(odd)}, without content and id`);
  const tokens = new Map<unknown, string>();
  // An added token may repeat one of the vocabulary, as special tokens do.
  for (const [token, id] of [...Object.entries(vocab), ...added.map(({ content, id }) => [content, id])]) {
    const other = tokens.get(id) ?? token;
    if (other !== token)
      fail(`its tokens ${JSON.stringify(other)} and ${JSON.stringify(token)} have the same id ${id}`);
    tokens.set(id, token);
  }
  for (const [name, part] of Object.entries({ normalizer, pre_tokenizer }))
    if (part !== null && !(isObject(part) && typeof part.type === "string"))
      fail(`its ${name} is ${JSON.stringify(part)}, which has no type`);
  // Whatever was there keeps its place: equal tokenizers are to be equal files.
  return { ...content, added_tokens: added, normalizer, pre_tokenizer, model: { ...model, type } } as TokenizerJson;
}
