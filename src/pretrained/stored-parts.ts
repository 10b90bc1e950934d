/** How a parameter is made of the tensors of a file, and they of it. */

import type { WrittenTensor } from "../io/safetensors-writer.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { NameRow } from "./name-table.ts";

/** Numbers that stand in memory a second time while a matrix is transposed: 1 MiB, or one row. */
const BLOCK = 2 ** 18;

/** A tensor of a file as a part of a parameter. */
export interface StoredPart {
  name: string;
  shape: Shape;
  /** Where on the parameter's last axis it begins. */
  start: number;
}

/** The tensors that a row's parameter is made of, with the shapes that they must have. */
export function storedParts({ stored, layout }: NameRow, { shape }: Pick<Parameter, "shape">): StoredPart[] {
  const length = shape.at(-1)! / stored.length;
  const part = [...shape.slice(0, -1), length];
  if (layout === "transposed") part.reverse();
  return stored.map((name, index) => ({ name, shape: part, start: index * length }));
}

/** Fills a parameter from a file, whose `read` fills an array with a tensor's numbers from its `start`-th on. */
export function fillParameter(
  row: NameRow,
  parameter: Parameter,
  read: (name: string, into: Float32Array, options?: { start: number }) => void,
): void {
  const numbers = parameter.numbersToFill as Float32Array;
  for (const part of storedParts(row, parameter)) {
    if (row.layout === "same") {
      read(part.name, inPlace(numbers, row, part));
      continue;
    }
    for (const rows of rowBlocks(part)) {
      const block = new Float32Array(rows.count * rows.length);
      read(part.name, block, { start: rows.first * rows.length });
      pairPlaces(rows, part, parameter, (inBlock, inParameter) => {
        numbers[inParameter] = block[inBlock];
      });
    }
  }
}

/** The tensors of a file that a parameter is written as, by name. */
export function tensorsOf(row: NameRow, parameter: Parameter): [name: string, tensor: WrittenTensor][] {
  return storedParts(row, parameter).map((part) => [
    part.name,
    {
      shape: part.shape,
      *pieces() {
        const numbers = parameter.numbers as Float32Array;
        if (row.layout === "same") {
          yield inPlace(numbers, row, part);
          return;
        }
        for (const rows of rowBlocks(part)) {
          const block = new Float32Array(rows.count * rows.length);
          pairPlaces(rows, part, parameter, (inBlock, inParameter) => {
            block[inBlock] = numbers[inParameter];
          });
          yield block;
        }
      },
    },
  ]);
}

/** A part in the layout of its parameter: all of it, or a piece of a vector. */
const inPlace = (numbers: Float32Array, { stored }: NameRow, { shape, start }: StoredPart): Float32Array =>
  stored.length === 1 ? numbers : numbers.subarray(start, start + shape[0]);

/** Some rows of a stored matrix. */
interface RowBlock {
  first: number;
  count: number;
  /** Of a row. */
  length: number;
}

function* rowBlocks({ shape: [rows, length] }: StoredPart): Generator<RowBlock> {
  const most = Math.max(1, Math.floor(BLOCK / length));
  for (let first = 0; first < rows; first += most) yield { first, count: Math.min(most, rows - first), length };
}

/** Tells where each number of a block of rows [out, in] lies in the parameter [in, several·out]. */
function pairPlaces(
  { first, count, length }: RowBlock,
  { start }: StoredPart,
  { shape }: Parameter,
  pair: (inBlock: number, inParameter: number) => void,
): void {
  const width = shape[1];
  for (let input = 0; input < length; input++) {
    const at = input * width + start + first;
    for (let output = 0; output < count; output++) pair(output * length + input, at + output);
  }
}
