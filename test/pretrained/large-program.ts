/**
 * Writes a checkpoint of GPT-2's shape from a formula into the folder that it is told, reads it, and prints as JSON what came
 * of it. A program of its own, so that its memory is nobody else's.
 */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { noGrad } from "../../src/autograd/index.ts";
import { writeSafetensors } from "../../src/io/safetensors-writer.ts";
import { type Gpt, generate } from "../../src/nn/index.ts";
import { fromPretrained, savePretrained } from "../../src/pretrained/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { writeFormula } from "./formula.ts";

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/pretrained/${name}`, import.meta.url), "utf8"));

/** What the program prints. */
export interface LargeResult {
  fileBytes: number;
  /** What the process took more of the system, at most, until the weights were read, and until they were written again. */
  readingBytes: number;
  writingBytes: number;
  readingSeconds: number;
  /** The largest distance from PyTorch's logits. */
  worst: number;
  likeliest: number[];
  generated: number[];
  generatingSeconds: number;
}

/** The numbers written at a time. */
const PIECE = 2 ** 20;

/** The causal masks, which the file holds beside the weights. */
const isMask = (name: string) => name.endsWith(".attn.bias");

const peakBytes = () => process.resourceUsage().maxRSS * 1024;
const now = () => performance.now() / 1000;

function writeCheckpoint(folder: string): void {
  const shapes = Object.entries<number[]>(fixture("keys/gpt2.json"));
  const piece = new Float32Array(PIECE);
  const weights = shapes.filter(([name]) => !isMask(name)).map(([name]) => name);
  const tensors = shapes.map(([name, shape]) => {
    const centre = shape.length === 1 && name.endsWith("weight") ? 1 : 0;
    const stream = weights.indexOf(name);
    const pieces = function* () {
      const size = sizeOf(shape);
      for (let start = 0; start < size; start += PIECE) {
        const part = piece.subarray(0, Math.min(PIECE, size - start));
        // Whatever took a mask's numbers for weights would show it.
        if (isMask(name)) part.fill(Number.NaN);
        else writeFormula(part, { stream, start, centre, spread: 2 ** -5 });
        yield part;
      }
    };
    return [name, { shape, pieces }] as const;
  });
  writeSafetensors(join(folder, "model.safetensors"), new Map(tensors));
}

function run(folder: string): LargeResult {
  writeCheckpoint(folder);
  const fileBytes = statSync(join(folder, "model.safetensors")).size;
  const before = peakBytes();
  const start = now();
  const { model } = fromPretrained(folder, { as: "causal-lm" });
  const readingSeconds = now() - start;
  const readingBytes = peakBytes() - before;
  savePretrained(join(folder, "again"), { model });
  const writingBytes = peakBytes() - before;
  return { fileBytes, readingSeconds, readingBytes, writingBytes, ...answers(model) };
}

function answers(model: Gpt): Pick<LargeResult, "worst" | "likeliest" | "generated" | "generatingSeconds"> {
  const { ids, places, logits } = fixture("gpt2-124m/answers.json") as Record<"ids" | "places", number[][]> & {
    logits: number[];
  };
  const { vocabulary } = model.size;
  const found = scope(() =>
    noGrad(() => Float32Array.from(model.forward(Tensor.from(ids[0], [1, ids[0].length], "i32")).numbers)),
  );
  const worst = Math.max(
    ...places.map(([position, token], index) => Math.abs(found[position * vocabulary + token] - logits[index])),
  );
  const likeliest = ids[0].map((_, position) => {
    const row = found.subarray(position * vocabulary, (position + 1) * vocabulary);
    return row.indexOf(row.reduce((most, value) => Math.max(most, value)));
  });
  const start = now();
  const generated = [
    ...generate(model, ids[0], { maximumTokens: 5, random: Random.stream(0, "test"), temperature: 0 }),
  ];
  return { worst, likeliest, generated, generatingSeconds: now() - start };
}

console.log(JSON.stringify(run(process.argv[2])));
