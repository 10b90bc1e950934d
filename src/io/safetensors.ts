/**
 * The safetensors format: eight bytes of header length (little endian), a JSON header of names, types, shapes and byte
 * ranges, then the numbers. Here whole files in memory; see safetensors-reader.ts for large ones.
 */

import {
  encodeSafetensorsHeader,
  headerLength,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  STORED_BYTES,
} from "./safetensors-header.ts";

export interface StoredTensor {
  shape: readonly number[];
  values: Float32Array;
}

export interface SafetensorsFile {
  tensors: Map<string, StoredTensor>;
  /** Free text by key. */
  metadata: Record<string, string>;
}

/** A file as bytes; names in the order of the map. */
export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array<ArrayBuffer> {
  const header = encodeSafetensorsHeader(tensors, metadata);
  const numbers = [...tensors.values()].reduce((total, { values }) => total + values.byteLength, 0);
  const bytes = new Uint8Array(header.length + numbers);
  bytes.set(header);
  let at = header.length;
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
  const dataStart = LENGTH_BYTES + headerLength(bytes.subarray(0, LENGTH_BYTES), bytes.length, source);
  const data = bytes.subarray(dataStart);
  const header = parseSafetensorsHeader(bytes.subarray(LENGTH_BYTES, dataStart), { dataBytes: data.length, source });
  for (const [name, { type }] of header.tensors) {
    if (type !== "F32") throw new Error(`${source}: tensor "${name}" has type ${type}; F32 is read`);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { shape, start, end }] of header.tensors) {
    // A copy of its own: the file's bytes need not be aligned.
    const values = new Float32Array((end - start) / STORED_BYTES.F32);
    new Uint8Array(values.buffer).set(data.subarray(start, end));
    tensors.set(name, { shape, values });
  }
  return { tensors, metadata: header.metadata };
}
