/** The small trained model that a recipe begins from: trained before it, or taken from a run that is there. */

import { z } from "zod";
import { number, whole } from "./number-schemas.ts";

/**
 * Either the folder of a finished run, or what the small model has of its own; everything else, data and seed too, is as in the
 * experiment that begins from it.
 */
export const smallModelSchema = z.strictObject({
  run: z.string().min(1, "must not be empty").optional(),
  hidden: whole.optional(),
  heads: whole.optional(),
  layers: whole.optional(),
  steps: whole.optional(),
  /** Peak. */
  learningRate: number.positive("must be above 0").optional(),
});

export type SmallModelOptions = z.output<typeof smallModelSchema>;
