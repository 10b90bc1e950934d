/** Writing large safetensors files, tensor by tensor. */

import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";
import { writeInPieces } from "./files.ts";
import { encodeSafetensorsHeader } from "./safetensors-header.ts";

/** A tensor to be written. */
export interface WrittenTensor {
  shape: Shape;
  /** Its numbers in row-major order, in pieces of any length; a piece is written before the next is asked for. */
  pieces(): Iterable<Float32Array>;
}

/**
 * Writes a file of F32 tensors in the order of the map; the old content stays until the new one is complete.
 * @throws naming the file.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WrittenTensor>,
  metadata: Record<string, string> = {},
): void {
  function* pieces(): Generator<Uint8Array> {
    yield encodeSafetensorsHeader(tensors, metadata);
    for (const [name, tensor] of tensors) {
      let count = 0;
      for (const { length, buffer, byteOffset, byteLength } of tensor.pieces()) {
        count += length;
        yield new Uint8Array(buffer, byteOffset, byteLength);
      }
      if (count !== sizeOf(tensor.shape))
        throw new Error(`tensor "${name}" has ${count} numbers, its shape is ${formatShape(tensor.shape)}`);
    }
  }
  writeInPieces(path, pieces());
}
