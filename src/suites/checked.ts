/** Files of this project's own, checked by a schema before anything relies on them. */

import type { z } from "zod";

/** A value that is as the schema says. @throws `problem`, with the first field that is not, and how it must be. */
export function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, problem: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new Error(`${problem}: ${path.length === 0 ? "it" : path.join(".")}: ${message}`);
}
