/** The header of a safetensors file: what it says, checked against itself and against the number of bytes behind it. */

import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";

/** Element types of the format with their bytes. */
export const STORED_BYTES = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E5M2: 1 },
  ...{ I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1 },
} as const;

export type StoredType = keyof typeof STORED_BYTES;

/** What a file says of one tensor. */
export interface HeaderTensor {
  type: StoredType;
  shape: Shape;
  /** Where its bytes begin, counted from the end of the header. */
  start: number;
  end: number;
}

export interface SafetensorsHeader {
  /** By name, in the order of their bytes. */
  tensors: Map<string, HeaderTensor>;
  /** Free text by key. */
  metadata: Record<string, string>;
}

/** The bytes before the header, which hold its length. */
export const LENGTH_BYTES = 8;
/** The format's own limit on the header. */
const LARGEST_HEADER = 100_000_000;

/**
 * The bytes of the header's text.
 * @param first the first bytes of the file, eight if it has so many.
 * @throws naming `source`, when the file is too short for what it claims.
 */
export function headerLength(first: Uint8Array, fileBytes: number, source: string): number {
  if (first.length < LENGTH_BYTES)
    throw new Error(`${source}: a safetensors file has at least ${LENGTH_BYTES} bytes, this one ${first.length}`);
  const bytes = Number(new DataView(first.buffer, first.byteOffset, LENGTH_BYTES).getBigUint64(0, true));
  if (bytes > LARGEST_HEADER || LENGTH_BYTES + bytes > fileBytes)
    throw new Error(`${source}: the header claims ${bytes} bytes, the file has ${fileBytes}`);
  return bytes;
}

/**
 * Reads a header whose tensors follow one another without gaps, as the format demands.
 * @param dataBytes how many bytes follow the header.
 * @throws with one sentence that names `source`, the tensor and the problem.
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  { dataBytes, source }: { dataBytes: number; source: string },
): SafetensorsHeader {
  const fail = (problem: string): never => {
    throw new Error(`${source}: ${problem}`);
  };
  const { __metadata__: metadata = {}, ...entries } = parseObject(bytes, fail);
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === "string"))
    fail(`the metadata are ${shown(metadata)}, not texts by key`);
  const found = Object.entries(entries).map(
    ([name, entry]) => [name, readEntry(name, entry, { dataBytes, fail })] as const,
  );
  found.sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  // Overlaps first: a tensor that is said to lie elsewhere leaves a gap before one that tells the truth.
  for (const [index, [name, { start }]] of found.entries()) {
    const [before, { end }] = found[index - 1] ?? [name, { end: start }];
    if (start < end) fail(`tensor "${name}" begins at byte ${start}, before the end of "${before}" at ${end}`);
  }
  let covered = 0;
  for (const [name, { start, end }] of found) {
    if (start !== covered) fail(`the bytes ${covered} … ${start} before tensor "${name}" belong to nothing`);
    covered = end;
  }
  if (covered !== dataBytes) fail(`the bytes ${covered} … ${dataBytes} after the last tensor belong to nothing`);
  return { tensors: new Map(found), metadata: metadata as Record<string, string> };
}

/**
 * The beginning of a file up to the numbers: length and header, the latter padded with spaces so that they begin on a
 * multiple of eight bytes. The tensors are F32 and follow one another in the order of the map.
 */
export function encodeSafetensorsHeader(
  tensors: ReadonlyMap<string, { shape: Shape }>,
  metadata: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let offset = 0;
  for (const [name, { shape }] of tensors) {
    const end = offset + STORED_BYTES.F32 * sizeOf(shape);
    entries.push([name, { dtype: "F32", shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes).fill(32);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(text, LENGTH_BYTES);
  return bytes;
}

/** What the header says of one tensor, checked without the others: who lies is named before who suffers from it. */
function readEntry(
  name: string,
  entry: unknown,
  { dataBytes, fail }: { dataBytes: number; fail: (problem: string) => never },
): HeaderTensor {
  if (!isObject(entry)) return fail(`tensor "${name}" is described by ${shown(entry)}, not by an object`);
  const { dtype, shape, data_offsets: range } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(STORED_BYTES, dtype))
    return fail(`tensor "${name}" has the unknown type ${shown(dtype)}`);
  if (!isListOfSizes(shape)) return fail(`tensor "${name}" has the shape ${shown(shape)}`);
  if (!isListOfSizes(range) || range.length !== 2) return fail(`tensor "${name}" has no byte range`);
  const type = dtype as StoredType;
  const [start, end] = range;
  if (end < start) return fail(`tensor "${name}" begins at byte ${start} and ends at ${end}`);
  const needed = STORED_BYTES[type] * sizeOf(shape);
  if (end - start !== needed)
    return fail(
      `tensor "${name}" has ${end - start} bytes, its shape ${formatShape(shape)} needs ${needed} as ${type}`,
    );
  if (end > dataBytes) return fail(`tensor "${name}" ends at byte ${end}, and there are ${dataBytes}`);
  return { type, shape, start, end };
}

function parseObject(bytes: Uint8Array, fail: (problem: string) => never): Record<string, unknown> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const header = JSON.parse(text);
    if (isObject(header)) {
      const twice = repeatedKey(text);
      return twice === undefined ? header : fail(`the header says "${twice}" twice`);
    }
  } catch (error) {
    // What is told above stays; what JSON or UTF-8 complain of is told below, with the file's name.
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  return fail("the header is not a JSON object");
}

/** A key that stands twice in one object of a valid JSON text, of which JSON.parse would silently keep the last. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, isKey] of text.matchAll(/[{}]|"(?:[^"\\]|\\.)*"(\s*:)?/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (isKey !== undefined) {
      const key: string = JSON.parse(token.slice(0, -isKey.length));
      if (open.at(-1)!.has(key)) return key;
      open.at(-1)!.add(key);
    }
  }
  return undefined;
}

/** Of what a damaged header says, an error shows so many characters. */
const SHOWN_CHARACTERS = 100;

const shown = (value: unknown): string => `${JSON.stringify(value)}`.slice(0, SHOWN_CHARACTERS);

const isListOfSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
