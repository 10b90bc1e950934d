/** Puts what a task draws from into an order of chance. */

import type { Random } from "../../tensor/random.ts";

/** The items in a random order. */
export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return Array.from(random.permutation(items.length), (index) => items[index]);
}
