/** Which small layer each layer of a deeper model is made from, where the new ones are to change nothing. */

/**
 * Each small layer, followed by as many new ones as it takes (null); the lower ones by one more where they do not divide.
 */
export function withIdentities(from: number, to: number): (number | null)[] {
  return Array.from({ length: from }, (_, layer) => {
    const added = Math.floor((to - from) / from) + (layer < (to - from) % from ? 1 : 0);
    return [layer, ...new Array<null>(added).fill(null)];
  }).flat();
}
