/** What occurs most. */

/** The label that occurs most often; of equally common ones the one that comes first. @throws without labels. */
export function commonest(labels: readonly number[]): number {
  if (labels.length === 0) throw new Error("no labels: there is no commonest one");
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}
