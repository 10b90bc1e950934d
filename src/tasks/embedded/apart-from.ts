/** Keeps the two sides of a task apart. */

/** The items that have no key in common with any of the others, in their order. */
export function apartFrom<Item>(
  items: readonly Item[],
  others: readonly Item[],
  keysOf: (item: Item) => readonly string[],
): Item[] {
  const taken = new Set(others.flatMap((other) => keysOf(other)));
  return items.filter((item) => keysOf(item).every((key) => !taken.has(key)));
}
