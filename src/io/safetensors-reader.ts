/** Reading large safetensors files: the header first, then one tensor at a time, piece by piece, to where it belongs. */

import { formatShape, sizeOf } from "../tensor/shape.ts";
import { openForReading } from "./files.ts";
import { widenBf16, widenF16 } from "./half-floats.ts";
import {
  headerLength,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  STORED_BYTES,
} from "./safetensors-header.ts";

/** An open file; its numbers stay where they are until they are asked for. */
export interface SafetensorsReader extends SafetensorsHeader {
  readonly path: string;
  /**
   * Fills `into` with the numbers of a tensor of type F32, F16 or BF16, in row-major order, from its `start`-th on (0 when
   * absent).
   * @throws naming file and tensor, when there is none of that name, it has another type, or ends before `into` does.
   */
  read(name: string, into: Float32Array, options?: { start?: number }): void;
  /** Ends reading; a second time does nothing. */
  close(): void;
}

/** Numbers that are converted at a time: 1 MiB of F16. */
const PIECE = 2 ** 19;

/**
 * Opens a file and reads its header.
 * @throws with one sentence that names the file, the tensor and the problem, when the header does not fit itself or the file.
 */
export function openSafetensors(path: string): SafetensorsReader {
  const file = openForReading(path);
  try {
    const first = new Uint8Array(Math.min(LENGTH_BYTES, file.byteLength));
    file.read(first, 0);
    const headerBytes = headerLength(first, file.byteLength, path);
    const text = new Uint8Array(headerBytes);
    file.read(text, LENGTH_BYTES);
    const dataStart = LENGTH_BYTES + headerBytes;
    const header = parseSafetensorsHeader(text, { dataBytes: file.byteLength - dataStart, source: path });
    return {
      path,
      ...header,
      close: file.close,
      read(name, into, { start = 0 } = {}) {
        const fail = (problem: string): never => {
          throw new Error(`${path}: tensor "${name}" ${problem}`);
        };
        const { type, shape, start: firstByte } = header.tensors.get(name) ?? fail("is not there");
        if (start + into.length > sizeOf(shape))
          fail(`of shape ${formatShape(shape)} has no numbers ${start} … ${start + into.length}`);
        const position = dataStart + firstByte + STORED_BYTES[type] * start;
        if (type === "F32") file.read(bytesOf(into), position);
        else if (type === "F16" || type === "BF16") {
          const widen = type === "F16" ? widenF16 : widenBf16;
          const halves = new Uint16Array(Math.min(PIECE, into.length));
          for (let at = 0; at < into.length; at += PIECE) {
            const piece = halves.subarray(0, Math.min(PIECE, into.length - at));
            file.read(bytesOf(piece), position + piece.BYTES_PER_ELEMENT * at);
            widen(piece, into.subarray(at, at + piece.length));
          }
        } else fail(`has type ${type}; F32, F16 and BF16 are read`);
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
