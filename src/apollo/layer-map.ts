/**
 * The layer map g: which of N unique layers each position of a deeper network uses, for sharing and for growth alike
 * (methods A.3). Integers only: the release divides by a rounded ratio, which differs from these maps for 98 of the pairs
 * N ≤ L ≤ 96, first at (14, 18) [D].
 */

/** With 0-based positions l; `p` is the remainder L mod N. */
const MAPS = {
  /** g(l) = ⌊l·N/L⌋: the release's "extend" [R], and the default. */
  interp_floor: (l, N, L) => Math.floor((l * N) / L),
  /**
   * g(l) = max(1, ⌊(l+1)·N/L + ½⌋) − 1: the paper's Eq. 12 [P] with two repairs [D]: halves are rounded up, as its
   * Figure 4 shows for 3→6, and index 0, which names no layer, becomes 1.
   */
  interp_round: (l, N, L) => Math.max(1, Math.floor((2 * (l + 1) * N + L) / (2 * L))) - 1,
  /** g(l) = ⌈(l+1)·N/L⌉ − 1: the other natural reading of interpolation, for ablation. */
  interp_ceil: (l, N, L) => Math.ceil(((l + 1) * N) / L) - 1,
  /** g(l) = l mod N: the paper's Eq. 11 [P], its 1-based index 0 read as N [D]. */
  stack: (l, N) => l % N,
  /** Whole blocks 0 … N−1, then the *top* p layers N−p … N−1: the release's "stack" [R]. */
  stack_top: (l, N, L) => (l < L - (L % N) ? l % N : N - L + l),
} as const satisfies Record<string, (l: number, N: number, L: number) => number>;

export type LayerMapName = keyof typeof MAPS;

export const LAYER_MAPS = Object.keys(MAPS) as readonly LayerMapName[];

/**
 * The unique layer that each position of a network of depth L uses.
 * @returns L indices into 0 … N−1, every one of them used.
 * @throws when N and L are no whole numbers with 1 ≤ N ≤ L, or the map has no such name.
 */
export function layerMap(name: LayerMapName, N: number, L: number): number[] {
  if (!LAYER_MAPS.includes(name))
    throw new Error(`layer map: there is no map "${name}", only ${LAYER_MAPS.join(", ")}`);
  if (!(Number.isSafeInteger(N) && N >= 1))
    throw new Error(`layer map: the number of unique layers must be a whole number from 1, not ${N}`);
  if (!Number.isSafeInteger(L)) throw new Error(`layer map: the depth must be a whole number, not ${L}`);
  if (N > L) throw new Error(`layer map: ${N} unique layers do not fit into a depth of ${L}`);
  return Array.from({ length: L }, (_, l) => MAPS[name](l, N, L));
}

/**
 * Whether growing from N to N′ unique layers by this map leaves the network of depth L as it was: position by position
 * the same weights, hence the same function.
 *
 * g(N, L, l) = g(N, N′, g(N′, L, l)) for every l (A.3.3 [D]). It holds for `interp_floor`, `interp_ceil` and `stack`
 * wherever N divides N′; not for `interp_round` 3→6 at L = 7 … 12, among others.
 * @throws as {@link layerMap} does, for N ≤ N′ ≤ L.
 */
export function preservesFunctionAtGrowth(name: LayerMapName, N: number, Nnext: number, L: number): boolean {
  const before = layerMap(name, N, L);
  const growth = layerMap(name, N, Nnext);
  return layerMap(name, Nnext, L).every((slot, position) => growth[slot] === before[position]);
}
