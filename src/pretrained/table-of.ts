/** The table of names of every model class. */

import { bertHead, bertNames } from "./bert-names.ts";
import { gpt2Head, gpt2Names } from "./gpt2-names.ts";
import type { ModelKind } from "./model-use.ts";
import type { NameTable } from "./name-table.ts";

export const tableOf = (kind: ModelKind): NameTable =>
  kind.family === "gpt" ? gpt2Names(kind.use) : bertNames(kind.use);

/** The parameters that only a model class has, of which a file of another has nothing. */
export const headParameters = (kind: ModelKind): string[] =>
  kind.family === "gpt" ? gpt2Head(kind.use) : bertHead(kind.use);
