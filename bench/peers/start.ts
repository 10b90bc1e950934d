/**
 * The same beginning for every framework: a GPT's first weights and one batch, written once and read by each process.
 * `start.json` says what lies in `start.bin`: the parameters in apollo-ts's names, order and layout ([in, out]) as f32, then
 * inputs and targets as i32 [B, T].
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StepSize } from "../../src/lab/step-times.ts";

export interface Start {
  size: StepSize;
  /** In order, by name. */
  parameters: Map<string, { shape: readonly number[]; values: Float32Array }>;
  /** [B, T] */
  inputs: Int32Array;
  /** [B, T] */
  targets: Int32Array;
}

const JSON_FILE = "start.json";
const BINARY_FILE = "start.bin";

export function writeStart(folder: string, { size, parameters, inputs, targets }: Start): void {
  const shapes = [...parameters].map(([name, { shape }]) => ({ name, shape }));
  const arrays = [...[...parameters.values()].map(({ values }) => values), inputs, targets];
  writeFileSync(join(folder, JSON_FILE), JSON.stringify({ size, parameters: shapes }));
  writeFileSync(
    join(folder, BINARY_FILE),
    Buffer.concat(arrays.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))),
  );
}

export function readStart(folder: string): Start {
  const { size, parameters } = JSON.parse(readFileSync(join(folder, JSON_FILE), "utf8")) as {
    size: StepSize;
    parameters: { name: string; shape: number[] }[];
  };
  const { buffer } = new Uint8Array(readFileSync(join(folder, BINARY_FILE)));
  let offset = 0;
  const next = <T>(View: new (buffer: ArrayBuffer, offset: number, length: number) => T, length: number): T => {
    const view = new View(buffer, offset, length);
    offset += length * 4;
    return view;
  };
  const tokens = size.batch * size.context;
  return {
    size,
    parameters: new Map(
      parameters.map(({ name, shape }) => [
        name,
        {
          shape,
          values: next(
            Float32Array,
            shape.reduce((product, length) => product * length, 1),
          ),
        },
      ]),
    ),
    inputs: next(Int32Array, tokens),
    targets: next(Int32Array, tokens),
  };
}
