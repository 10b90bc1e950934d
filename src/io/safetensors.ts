/**
 * The safetensors format: eight bytes of header length (little endian), a JSON header of names, types, shapes and byte
 * ranges, then the numbers.
 */

import { formatShape, sizeOf } from "../tensor/shape.ts";

export interface StoredTensor {
  shape: readonly number[];
  values: Float32Array;
}

export interface SafetensorsFile {
  tensors: Map<string, StoredTensor>;
  /** Free text by key. */
  metadata: Record<string, string>;
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [start: number, end: number];
}

const LENGTH_BYTES = 8;
/** The format's own limit on the header. */
const LARGEST_HEADER = 100_000_000;

/** A file as bytes; names in the order of the map. */
export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    const end = offset + values.byteLength;
    header[name] = { dtype: "F32", shape, data_offsets: [offset, end] } satisfies { [K in keyof HeaderEntry]: unknown };
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // Padded with spaces, as the format allows, so that the numbers begin on a multiple of eight bytes.
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(32, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  bytes.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const { values } of tensors.values()) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

/**
 * Reads a file of F32 tensors.
 * @param source names the file in errors.
 * @throws with one sentence that names the file, the tensor and the problem: nothing large is allocated before the check.
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  const fail = (problem: string): never => {
    throw new Error(`${source}: ${problem}`);
  };
  if (bytes.length < LENGTH_BYTES)
    fail(`a safetensors file has at least ${LENGTH_BYTES} bytes, this one ${bytes.length}`);
  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true));
  if (headerBytes > LARGEST_HEADER || LENGTH_BYTES + headerBytes > bytes.length) {
    fail(`the header claims ${headerBytes} bytes, the file has ${bytes.length}`);
  }
  const text = new TextDecoder().decode(bytes.slice(LENGTH_BYTES, LENGTH_BYTES + headerBytes));
  const header = parseHeader(text, fail);
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === "string"))
    fail(`the metadata are ${JSON.stringify(metadata)}, not texts by key`);
  for (const [name, entry] of Object.entries(entries)) {
    if (!isObject(entry)) fail(`tensor "${name}" is described by ${JSON.stringify(entry)}, not by an object`);
  }
  const data = bytes.subarray(LENGTH_BYTES + headerBytes);
  const tensors = new Map<string, StoredTensor>();
  let covered = 0;
  for (const [name, entry] of Object.entries(entries).sort(
    (a, b) => (a[1] as HeaderEntry).data_offsets?.[0] - (b[1] as HeaderEntry).data_offsets?.[0],
  )) {
    const { dtype, shape, data_offsets: range } = entry as HeaderEntry;
    if (dtype !== "F32") fail(`tensor "${name}" has type ${dtype}; F32 is read`);
    const isWhole = Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0);
    if (!isWhole) fail(`tensor "${name}" has the shape ${JSON.stringify(shape)}`);
    const [start, end] =
      Array.isArray(range) && range.length === 2 && range.every(Number.isSafeInteger)
        ? range
        : fail(`tensor "${name}" has no byte range`);
    if (start !== covered || end > data.length)
      fail(
        `tensor "${name}" lies at bytes ${start} … ${end}; expected its start at ${covered} and at most ${data.length}`,
      );
    if (end - start !== 4 * sizeOf(shape))
      fail(`tensor "${name}" has ${end - start} bytes, its shape ${formatShape(shape)} needs ${4 * sizeOf(shape)}`);
    covered = end;
    // A copy of its own: the file's bytes need not be aligned.
    const values = new Float32Array((end - start) / 4);
    new Uint8Array(values.buffer).set(data.subarray(start, end));
    tensors.set(name, { shape, values });
  }
  if (covered !== data.length) fail(`${data.length - covered} bytes after the last tensor belong to nothing`);
  return { tensors, metadata: metadata as Record<string, string> };
}

function parseHeader(text: string, fail: (problem: string) => never): Record<string, unknown> {
  try {
    const header = JSON.parse(text);
    if (isObject(header)) return header;
  } catch {
    // Told below, with the file's name.
  }
  return fail("the header is not a JSON object");
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
