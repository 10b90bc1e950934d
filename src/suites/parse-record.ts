/** Reads the record of a run, and says what is wrong with one that is damaged. */

import { z } from "zod";
import type { RunRecord } from "../report/run-record.ts";
import { checked } from "./checked.ts";

/** The engine and machine of a run, or of step times. */
export const runtimeSchema = z.looseObject({
  node: z.string(),
  kernels: z.string(),
  threads: z.number(),
  cpu: z.string(),
});

const loss = z.number().nullable();
/** What readers of records rely on; whatever else stands in them is kept. */
const recordSchema = z.looseObject({
  schema: z.literal(1, "must be 1, which is what this version reads"),
  hash: z.string(),
  isSolo: z.boolean(),
  date: z.string(),
  header: z.looseObject({
    name: z.string(),
    seed: z.number(),
    status: z.string(),
    model: z.looseObject({ layers: z.number() }),
    runtime: runtimeSchema,
  }),
  evaluations: z.array(
    z.looseObject({
      ...{ step: z.number(), loss, lossAtUniqueDepth: loss, modelFlops: z.number(), layerFlops: z.number() },
      ...{ elapsedMs: z.number(), tokens: z.number(), work: z.record(z.string(), z.number()) },
    }),
  ),
  training: z.array(z.looseObject({ loss, modelFlops: z.number() })),
});

/** The record that a JSON text holds. @throws naming the text, and the field that is not as it must be. */
export function parseRecord(text: string, name: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${name} is not JSON`);
  }
  checked(recordSchema, value, `${name} is not the record of a run`);
  const record = value as RunRecord;
  // JSON writes a loss that is not finite as null.
  for (const evaluation of record.evaluations) {
    evaluation.loss ??= Number.NaN;
    evaluation.lossAtUniqueDepth ??= Number.NaN;
  }
  for (const window of record.training) window.loss ??= Number.NaN;
  return record;
}
