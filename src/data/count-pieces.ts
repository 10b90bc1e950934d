/** How often each piece occurs in all texts together; `cut` gives a text's pieces. */
export function countPieces(
  texts: Iterable<string>,
  cut: (text: string) => readonly string[],
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) for (const piece of cut(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  return counts;
}
