/**
 * Depth samplers: how deep a network a step executes, as pure functions of one uniform number (methods A.4 – A.7).
 *
 * A sampler is one decreasing function S(j) = P(depth ≥ j) on the integers N … L with S(N) = 1. Everything else follows:
 * probabilities S(j) − S(j+1), the mean N + Σ_{j>N} S(j), and the draw, the largest j with u ≥ 1 − S(j), which is the
 * inverse of the cumulative distribution. For N = L every sampler gives L; the paper's formulas divide by zero there.
 */

export const SAMPLERS = ["lvps", "us", "es", "fs", "none"] as const;
export const LVPS_VARIANTS = ["int", "round", "floor", "floorIncl", "release"] as const;
export const ES_VARIANTS = ["int", "round", "release"] as const;
export type SamplerName = (typeof SAMPLERS)[number];
export type LvpsVariant = (typeof LVPS_VARIANTS)[number];
export type EsVariant = (typeof ES_VARIANTS)[number];

export interface DepthSamplerOptions {
  /**
   * - `lvps`: low values first, p(x) ∝ 1/(x+k)² [P];
   * - `us`: uniform on the integers N … L [R];
   * - `es`: both ends first, p(x) ∝ 1/(x−N+b) + 1/(L+b−x), the paper's formula with the sign of b repaired [D];
   * - `fs`: always L [P];
   * - `none`: always N, ordinary progressive growth without sharing [P].
   */
  sampler: SamplerName;
  /**
   * How LVPS becomes an integer, about which the paper says nothing (A.6 [D]). With X on [N, L]:
   * - `int` (when absent): probabilities ∝ 1/(j+k)², the paper's Eq. 8 read at the integers;
   * - `round`: ⌊X + ½⌋;
   * - `floor`: ⌊X⌋, which never draws L before the last stage;
   * - `floorIncl`: ⌊X⌋ with X on [N, L+1);
   * - `release`: X with k = 0 on the wider [0.6N, L + 0.4N], clipped to [N, L], then ⌊X⌋ [R].
   */
  lvps?: LvpsVariant;
  /** How ES becomes an integer: the same readings; `release` has slope 20 on the wider interval (A.7 [R]). */
  es?: EsVariant;
  /** LVPS: k > −N, 0 when absent. ES: the slope k in (0, 1000], 10 when absent. The other samplers have none. */
  k?: number;
}

export interface DepthProbability {
  depth: number;
  probability: number;
}

export interface DepthSampler {
  /** As a label: "lvps int k=0". */
  readonly name: string;
  /** The probability of every depth N … L, in this order; they sum to 1. */
  depths(N: number, L: number): DepthProbability[];
  /**
   * The depth drawn with `uniform` from [0, 1): an integer in N … L.
   *
   * It never decreases in `uniform`, except for the `release` variants, where it never increases: they evaluate the
   * authors' formula at x = 10⁻⁶ + (1 − 10⁻⁶)·uniform, which is how Python's `random.uniform(1e-6, 1)` makes x from
   * `random.random()`. So a recorded stream of the latter is replayed here, and one of x by {@link releaseDepth}.
   * @throws when `uniform` lies outside [0, 1), or N and L are no whole numbers with 1 ≤ N ≤ L.
   */
  depthFromUniform(uniform: number, N: number, L: number): number;
  /** E[depth] in layers. */
  expectedDepth(N: number, L: number): number;
  /**
   * The density at x of the real number that the variant turns into an integer (for `int`, the formula that it reads at
   * the integers), per layer; 0 outside its interval. `fs` and `none` have none.
   * @throws for N = L, where there is no density.
   */
  density?(x: number, N: number, L: number): number;
}

/**
 * Makes a depth sampler.
 * @throws when a variant or k is unknown, out of range, or means nothing to the sampler.
 */
export function depthSampler(options: DepthSamplerOptions): DepthSampler {
  const { sampler, lvps, es, k } = options;
  if (!SAMPLERS.includes(sampler))
    throw new Error(`depth sampler: there is no sampler "${sampler}", only ${SAMPLERS.join(", ")}`);
  if (lvps !== undefined && sampler !== "lvps")
    throw new Error(`depth sampler: the variant lvps "${lvps}" means nothing to the sampler ${sampler}`);
  if (es !== undefined && sampler !== "es")
    throw new Error(`depth sampler: the variant es "${es}" means nothing to the sampler ${sampler}`);
  if (k !== undefined && sampler !== "lvps" && sampler !== "es")
    throw new Error(`depth sampler: k = ${k} means nothing to the sampler ${sampler}`);
  switch (sampler) {
    case "lvps":
      return samplerOf(lvpsLaw(lvps ?? "int", k ?? 0));
    case "es":
      return samplerOf(esLaw(es ?? "int", k));
    case "us":
      return samplerOf(UNIFORM);
    case "fs":
      return samplerOf({ name: "fs", survival: (N, L) => integers(N, L).map(() => 1) });
    case "none":
      return samplerOf({ name: "none", survival: (N, L) => integers(N, L).map((j) => (j === N ? 1 : 0)) });
  }
}

/** What one variant of one sampler is made of; N < L in every call. */
interface DepthLaw {
  name: string;
  /** S(j) for j = N … L. */
  survival(N: number, L: number): number[];
  density?(x: number, N: number, L: number): number;
  /** The draw, where a formula must be followed to the letter. */
  draw?(uniform: number, N: number, L: number): number;
}

function samplerOf(law: DepthLaw): DepthSampler {
  const survivalOf = (N: number, L: number) => {
    checkRange(N, L);
    return N === L ? [1] : law.survival(N, L);
  };
  const { density } = law;
  return {
    name: law.name,
    depths(N, L) {
      const survival = survivalOf(N, L);
      return survival.map((atLeast, index) => ({
        depth: N + index,
        probability: atLeast - (survival[index + 1] ?? 0),
      }));
    },
    depthFromUniform(uniform, N, L) {
      if (!(uniform >= 0 && uniform < 1)) throw new Error(`depth sampler: a uniform lies in [0, 1), unlike ${uniform}`);
      const survival = survivalOf(N, L);
      if (law.draw !== undefined && N < L) return law.draw(uniform, N, L);
      let depth = N;
      while (depth < L && uniform >= 1 - survival[depth + 1 - N]) depth++;
      return depth;
    },
    expectedDepth(N, L) {
      return survivalOf(N, L).reduce((sum, atLeast) => sum + atLeast, N - 1);
    },
    ...(density && {
      density(x: number, N: number, L: number) {
        checkRange(N, L);
        if (N === L)
          throw new Error(`depth sampler: ${law.name} has no density for N = L = ${L}, where all mass is on L`);
        return density(x, N, L);
      },
    }),
  };
}

/** Integer US, S(j) = (L−j+1)/(L−N+1): there are L−N+1 depths, while the paper's 1/(L−N) is the continuous density [D]. */
const UNIFORM: DepthLaw = {
  name: "us",
  survival: (N, L) => integers(N, L).map((j) => (L - j + 1) / (L - N + 1)),
  density: (x, N, L) => (x >= N && x <= L ? 1 / (L - N) : 0),
};

function lvpsLaw(variant: LvpsVariant, k: number): DepthLaw {
  if (!LVPS_VARIANTS.includes(variant))
    throw new Error(`depth sampler: there is no lvps variant "${variant}", only ${LVPS_VARIANTS.join(", ")}`);
  if (!Number.isFinite(k)) throw new Error(`depth sampler: the k of lvps must be a finite number, not ${k}`);
  if (variant === "release" && k !== 0)
    throw new Error(`depth sampler: the release's lvps is that of k = 0 and takes no other k, such as ${k}`);
  const checkK = (N: number) => {
    if (!(k > -N)) throw new Error(`depth sampler: the k of lvps must be above -N = ${-N}, unlike ${k}`);
  };
  const intervalOf = (N: number, L: number): Interval => {
    checkK(N);
    if (variant === "release") return releaseInterval(N, L);
    return { low: N, high: variant === "floorIncl" ? L + 1 : L };
  };
  return {
    name: `lvps ${variant} k=${k}`,
    survival(N, L) {
      checkK(N);
      if (variant === "int") return tailSums(integers(N, L).map((j) => ((N + k) / (j + k)) ** 2));
      const interval = intervalOf(N, L);
      const shift = variant === "round" ? 0.5 : 0;
      return integers(N, L).map((j) => (j === N ? 1 : lvpsSurvival(j - shift, interval, k)));
    },
    density(x, N, L) {
      const { low, high } = intervalOf(N, L);
      return x < low || x > high ? 0 : ((low + k) / (x + k)) * ((high + k) / (x + k)) * (1 / (high - low));
    },
    ...(variant === "release" && { draw: replay("lvps") }),
  };
}

function esLaw(variant: EsVariant, slope: number | undefined): DepthLaw {
  if (!ES_VARIANTS.includes(variant))
    throw new Error(`depth sampler: there is no es variant "${variant}", only ${ES_VARIANTS.join(", ")}`);
  const k = slope ?? (variant === "release" ? RELEASE_SLOPE : 10);
  if (!(k > 0 && k <= 1000)) throw new Error(`depth sampler: the k of es must lie in (0, 1000], unlike ${k}`);
  if (variant === "release") {
    if (k !== RELEASE_SLOPE)
      throw new Error(`depth sampler: the release's es has slope ${RELEASE_SLOPE} and takes no other k, such as ${k}`);
    return releaseEsLaw(`es release k=${k}`);
  }
  /** b = (L−N)/(e^{k/2} − 1) [D]: what makes the density integrate to 1. */
  const offset = (N: number, L: number) => (L - N) / Math.expm1(k / 2);
  return {
    name: `es ${variant} k=${k}`,
    survival(N, L) {
      const b = offset(N, L);
      // Times b, or a steep sampler's weights overflow at the ends.
      if (variant === "int") return tailSums(integers(N, L).map((j) => b / (j - N + b) + b / (L - j + b)));
      return integers(N, L).map((j) => (j === N ? 1 : esSurvival(j - 0.5, { low: N, high: L }, k)));
    },
    density(x, N, L) {
      const b = offset(N, L);
      return x < N || x > L ? 0 : (1 / (x - N + b) + 1 / (L - x + b)) / k;
    },
  };
}

interface Interval {
  low: number;
  high: number;
}

/** P(X ≥ x) = (low+k)(high−x)/((high−low)(x+k)) for the paper's LVPS, Eq. 7 and 10 [P], on any interval. */
function lvpsSurvival(x: number, { low, high }: Interval, k: number): number {
  return ((low + k) / (x + k)) * ((high - x) / (high - low));
}

/**
 * P(X ≥ x) = (1/k)·ln[(D−z+b)(D+b)/(b(b+z))] for the repaired ES [D], with D = high−low, z = x−low; written as
 * ln(1 + (D−z)(D+2b)/(b(b+z))), which stays exact for small k.
 */
function esSurvival(x: number, { low, high }: Interval, k: number): number {
  const D = high - low;
  const z = x - low;
  const b = D / Math.expm1(k / 2);
  return Math.log1p(((D - z) / b) * ((D + 2 * b) / (b + z))) / k;
}

const RELEASE_SLOPE = 20;
/** The least x that the release draws. */
const RELEASE_MINIMUM = 1e-6;

/** The release samples between 0.4 unique depths below N and 0.4 above L, in layers (A.5 [D]). */
function releaseInterval(N: number, L: number): Interval {
  return { low: 0.6 * N, high: L + 0.4 * N };
}

/** The release's "sigmoid" is ES with slope 20 (A.7 [D]): y = (r−0.2)/(1 + exp(20(x−½))) + 0.6 falls in x. */
function releaseEsLaw(name: string): DepthLaw {
  /** The x that gives a depth of j layers before clipping. */
  const inverse = (j: number, N: number, L: number) => {
    const { low, high } = releaseInterval(N, L);
    return 0.5 + Math.log((high - j) / (j - low)) / RELEASE_SLOPE;
  };
  const mass = 1 - RELEASE_MINIMUM;
  return {
    name,
    survival: (N, L) =>
      integers(N, L).map((j) => (j === N ? 1 : clamp((inverse(j, N, L) - RELEASE_MINIMUM) / mass, 0, 1))),
    density(j, N, L) {
      const { low, high } = releaseInterval(N, L);
      const x = j > low && j < high ? inverse(j, N, L) : Number.NaN;
      if (!(x >= RELEASE_MINIMUM && x <= 1)) return 0;
      return (1 / (j - low) + 1 / (high - j)) / (RELEASE_SLOPE * mass);
    },
    draw: replay("es"),
  };
}

function replay(sampler: "lvps" | "es"): NonNullable<DepthLaw["draw"]> {
  return (uniform, N, L) =>
    releaseDepth({ sampler, x: RELEASE_MINIMUM + (1 - RELEASE_MINIMUM) * uniform, uniqueLayers: N, targetDepth: L });
}

/**
 * The depth that the authors' release executes for its own variate x ~ U(10⁻⁶, 1) [R].
 *
 * With r = L/N, the value y (in unique depths) is clipped to [1, r] and the depth is ⌊y·N⌋:
 * - `lvps`: y = m/(x+n), n = (10⁻⁶(r+0.4) − 0.6)/(0.2 − r), m = 0.6(n+1) (A.5);
 * - `es` (the release's "sigmoid"): y = (r−0.2)/(1 + exp(20(x−½))) + 0.6 (A.7).
 * One repair [D]: y = r gives L, where the release's truncation can lose a layer to rounding, first at (11, 15).
 * @throws when x lies outside [10⁻⁶, 1], or N and L are no whole numbers with 1 ≤ N ≤ L.
 */
export function releaseDepth(options: {
  sampler: "lvps" | "es";
  x: number;
  uniqueLayers: number;
  targetDepth: number;
}): number {
  const { sampler, x, uniqueLayers: N, targetDepth: L } = options;
  checkRange(N, L);
  if (!(x >= RELEASE_MINIMUM && x <= 1))
    throw new Error(`depth sampler: the release draws x from [${RELEASE_MINIMUM}, 1], unlike ${x}`);
  const ratio = L / N;
  const begin = ratio + 0.4;
  const end = 0.6;
  const n = (begin * RELEASE_MINIMUM - end) / (end - begin);
  const m = end * (n + 1);
  const y = sampler === "lvps" ? m / (x + n) : (begin - end) / (1 + Math.exp(RELEASE_SLOPE * (x - 0.5))) + end;
  return y >= ratio ? L : Math.floor(Math.max(y, 1) * N);
}

/** S from weights that need not sum to 1; summed from the far end, where weights are small. */
function tailSums(weights: readonly number[]): number[] {
  const sums = new Array<number>(weights.length);
  let total = 0;
  for (let index = weights.length - 1; index >= 0; index--) sums[index] = total += weights[index];
  return sums.map((sum) => sum / total);
}

function integers(N: number, L: number): number[] {
  return Array.from({ length: L - N + 1 }, (_, index) => N + index);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

function checkRange(N: number, L: number): void {
  if (!(Number.isSafeInteger(N) && N >= 1))
    throw new Error(`depth sampler: the number of unique layers must be a whole number from 1, not ${N}`);
  if (!(Number.isSafeInteger(L) && L >= N))
    throw new Error(`depth sampler: the depth must be a whole number from N = ${N}, not ${L}`);
}
