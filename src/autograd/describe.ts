/** What was found in place of a number or a tensor, for errors. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "number" ? `the number ${value}` : typeof value === "string" ? `"${value}"` : String(value);
}
