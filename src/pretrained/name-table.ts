/** How the tensors of Hugging Face's files are called, and how they lie, beside the parameters of this project. */

/** One parameter and the tensors that it is made of. */
export interface NameRow {
  /** The parameter's path in the model; `{layer}` stands for 0 … L−1. */
  parameter: string;
  /** The tensors' names. Of several, each is an equal part of the parameter's last axis, in this order. */
  stored: readonly string[];
  /** "transposed": a tensor [out, in], as nn.Linear has it, is a part of a parameter [in, out]. */
  layout: "same" | "transposed";
}

/** A family of files as one model class reads and writes them. */
export interface NameTable {
  /** Before the names of everything but the heads; files of a bare base model lack it. */
  prefix: string;
  rows: readonly NameRow[];
  /** Endings of names as older files have them, with those of today. */
  olderEndings: Readonly<Record<string, string>>;
  /** Tensors that files may hold beside a tensor to which they are tied: by their name that of the other. */
  tied: Readonly<Record<string, string>>;
  /** Tensors that files may hold and that nothing here needs: constant buffers, and heads of other tasks. */
  unused: readonly string[];
}

const LAYER = "{layer}";

/** The rows of a table with the layers written out. */
export function rowsOf(table: NameTable, layers: number): NameRow[] {
  return table.rows.flatMap((row) => {
    if (!row.parameter.includes(LAYER)) return [row];
    return Array.from({ length: layers }, (_, layer) => ({
      ...row,
      parameter: row.parameter.replace(LAYER, `${layer}`),
      stored: row.stored.map((name) => name.replace(LAYER, `${layer}`)),
    }));
  });
}

/** A weight and a bias of the same place, in a matrix's layout. */
export function weightAndBias(
  parameter: string,
  stored: string | readonly string[],
  layout: NameRow["layout"],
): NameRow[] {
  const places = typeof stored === "string" ? [stored] : stored;
  return [
    { parameter: `${parameter}.weight`, stored: places.map((place) => `${place}.weight`), layout },
    { parameter: `${parameter}.bias`, stored: places.map((place) => `${place}.bias`), layout: "same" },
  ];
}

/** The rows of what a model for a task has as its encoder. */
export const ofEncoder = (rows: readonly NameRow[]): NameRow[] =>
  rows.map((row) => ({ ...row, parameter: `encoder.${row.parameter}` }));

/** What the names in a file are in a table. */
export interface MatchedNames {
  /** By the table's name of a tensor the file's. */
  needed: Map<string, string>;
  /** By the file's name of a copy the table's name of the tensor to which it is tied. */
  tied: Map<string, string>;
}

/**
 * Finds out which tensor of a file is which of a table.
 * @throws naming a tensor that the table does not know, or that is there under two names.
 */
export function matchNames(
  fileNames: Iterable<string>,
  { table, layers, source }: { table: NameTable; layers: number; source: string },
): MatchedNames {
  const expected = new Set(rowsOf(table, layers).flatMap(({ stored }) => stored));
  const unused = table.unused.map((pattern) => patternOf(pattern, layers));
  const isKnown = (name: string) =>
    expected.has(name) || Object.hasOwn(table.tied, name) || unused.some((matches) => matches(name));
  const matched: MatchedNames = { needed: new Map(), tied: new Map() };
  for (const fileName of fileNames) {
    const today = withTodaysEnding(fileName, table);
    const name = [today, table.prefix + today].find(isKnown);
    if (name === undefined) throw new Error(`${source}: the model that it is read as has no tensor "${fileName}"`);
    if (expected.has(name)) {
      const other = matched.needed.get(name);
      if (other !== undefined) throw new Error(`${source}: "${other}" and "${fileName}" are the same tensor`);
      matched.needed.set(name, fileName);
    } else if (Object.hasOwn(table.tied, name)) matched.tied.set(fileName, table.tied[name]);
  }
  // Of two that are tied a file may hold either.
  for (const [fileName, name] of matched.tied) {
    if (matched.needed.has(name)) continue;
    matched.needed.set(name, fileName);
    matched.tied.delete(fileName);
  }
  return matched;
}

function withTodaysEnding(name: string, { olderEndings }: NameTable): string {
  for (const [older, today] of Object.entries(olderEndings)) {
    if (name.endsWith(older)) return name.slice(0, -older.length) + today;
  }
  return name;
}

/** Whether a name is one of a pattern, in which `{layer}` may stand. */
function patternOf(pattern: string, layers: number): (name: string) => boolean {
  const [before, after] = pattern.split(LAYER);
  if (after === undefined) return (name) => name === pattern;
  return (name) => {
    if (!(name.startsWith(before) && name.endsWith(after))) return false;
    const layer = name.slice(before.length, name.length - after.length);
    return /^(0|[1-9]\d*)$/.test(layer) && Number(layer) < layers;
  };
}
