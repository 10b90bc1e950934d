/**
 * Every numeric loop of the engine, by name. The kernel sets implement this interface on top of one another:
 * `reference` (plain loops, f32 and f64, complete) ← `blocked` (its matmul) ← `simd` (what the compiled kernels offer).
 *
 * Operands are flat row-major views; `out` is always written completely unless a comment says that it is added to.
 * A kernel never allocates tensors, never looks at shapes beyond the sizes that it is handed, and may be split over
 * threads only along its outputs, so that its result does not depend on how many threads there are.
 *
 * Subnormal numbers (|x| < 2⁻¹²⁶), on which arithmetic takes a hundred times as long, may become 0; the SIMD kernels see to it
 * that a training step makes none in bulk. There exponentials below the normal range are 0, and so are a softmax's weights below
 * e^−50 of the largest of their row, in its gradient and those of attention and cross-entropy too, the gate of SiLU below
 * x = −50, and AdamW's moments below the normal range. All that is far below the rounding of what it is summed with.
 */

/** Floating-point operands: f32 everywhere, f64 in the reference kernels (gradient checks). */
export type Numbers = Float32Array | Float64Array;

/** What is only moved: the loops that compute nothing take indices too, x and out of one type. */
export type Elements = Numbers | Int32Array;

/**
 * A two-level walk over two operands and one output: element (r, c) of the output is at `outStart + r·columns + c`,
 * of `a` at `aStart + r·aRow + c·aColumn`, of `b` likewise. Strides are in elements; 0 repeats (broadcasts).
 */
export interface BinaryLayout {
  rows: number;
  columns: number;
  outStart: number;
  aStart: number;
  aRow: number;
  aColumn: number;
  bStart: number;
  bRow: number;
  bColumn: number;
}

/** x seen as [outer, size, inner]; the middle axis is reduced or indexed. */
export interface AxisLayout {
  outer: number;
  size: number;
  inner: number;
}

/** The trailing axis of length `columns`, `rows` times. */
export interface RowsLayout {
  rows: number;
  columns: number;
}

/** A view into a flat array: element (i₀, i₁, …) lies at `start + Σ iₖ·strides[k]`. */
export interface StridedLayout {
  sizes: readonly number[];
  strides: readonly number[];
  start: number;
}

/** An element-by-element kernel that a matrix product applies to its finished sums, while they are still in a cache. */
export type MatmulEpilogueName = "gelu" | "geluTanh" | "geluBackward" | "geluTanhBackward";

/**
 * `gelu`, `geluTanh`: inputs = sums and out = f(sums). Their backward: out = sums ⊙ f′(inputs), the sums being a gradient.
 */
export interface MatmulEpilogue {
  name: MatmulEpilogueName;
  /** [M, N] like out. */
  inputs: Numbers;
}

/**
 * `out[M, N] = A·B (+ bias) (+ residual)`, or `+=` with `accumulate`, for `batches[0] × batches[1]` matrices.
 * A is [M, K] ([K, M] with `transposeA`), B is [K, N] ([N, K] with `transposeB`), as stored.
 * `aRow` etc. are the distances between stored rows, `aBatch` etc. between matrices of the two batch axes, in elements.
 */
export interface MatmulLayout {
  rows: number;
  columns: number;
  inner: number;
  transposeA: boolean;
  transposeB: boolean;
  aRow: number;
  bRow: number;
  outRow: number;
  batches: readonly [number, number];
  aBatch: readonly [number, number];
  bBatch: readonly [number, number];
  outBatch: readonly [number, number];
  /** Adds to `out` instead of overwriting it. */
  accumulate?: boolean;
  /** [N], added to every row. */
  bias?: Numbers;
  /** [M, N]. This and the epilogue are for a single contiguous output. */
  residual?: Numbers;
  epilogue?: MatmulEpilogue;
}

/** Elements of a chunk of the long sums: fixed, in the compiled kernels too, so that their order never depends on threads. */
export const SUM_CHUNK = 4096;

/** Two 32-bit words that key the counter-based generator; see {@link dropoutBits} in random.ts. */
export type DropoutSeed = readonly [low: number, high: number];

/** The score that a masked key gets: far below all others, yet finite, so that a query without any key gives no NaN. */
export const HIDDEN_SCORE = -1e9;

/** Element (b, h, i, j) at b·strides[0] + h·strides[1] + i·strides[2] + j·strides[3]; 0 repeats, the last is 0 or 1. */
export interface AttentionMask {
  values: Numbers;
  strides: readonly [batch: number, head: number, query: number, key: number];
}

/** What the memory of one head's attention depends on. */
export interface AttentionSize {
  tokens: number;
  headSize: number;
}

export interface AttentionLayout extends AttentionSize {
  batches: number;
  heads: number;
  causal: boolean;
  /**
   * 0 hides a key from a query. A query that no key is left to attends to all of them alike, those after it too; its
   * log-sum-exp is {@link HIDDEN_SCORE}.
   */
  mask?: AttentionMask;
  /** Factor on q·k, usually 1/√headSize. */
  scale: number;
  /** Dropout on the attention weights: element ((b·heads + h)·tokens + i)·tokens + j of the counter; 0 = none. */
  dropoutProbability: number;
  dropoutSeed: DropoutSeed;
}

/** Some new positions of one sequence, and those before them whose keys and values were kept. */
export interface CachedAttentionLayout {
  tokens: number;
  past: number;
  /** Positions that keys and values have room for. */
  capacity: number;
  heads: number;
  headSize: number;
  /** Factor on q·k, usually 1/√headSize. */
  scale: number;
}

export interface CrossEntropyLayout extends RowsLayout {
  /** Rows with this target count nothing; −1 is never a valid target, so −1 ignores nothing else. */
  ignoreIndex: number;
  /** ε: the target distribution is (1 − ε)·one-hot + ε/columns. */
  labelSmoothing: number;
}

/** What an AdamW step does to one tensor: all of one length. */
export interface AdamWUpdate {
  parameter: Numbers;
  gradient: Numbers;
  m: Numbers;
  v: Numbers;
  weightDecay: number;
  /** 1 − β₁ᵗ and 1 − β₂ᵗ of this tensor's own step count t. */
  biasCorrection1: number;
  biasCorrection2: number;
}

export interface AdamWStep {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Factor on the gradients (the clipping coefficient). */
  gradientScale: number;
}

export type BinaryKernel = (a: Numbers, b: Numbers, out: Numbers, layout: BinaryLayout) => void;
export type UnaryKernel = (x: Numbers, out: Numbers) => void;
/** out = gradient · f′(·), where the first operand is what the name says: the input x, or the output y. */
export type UnaryBackwardKernel = (operand: Numbers, gradient: Numbers, out: Numbers) => void;

export interface Kernels {
  // Element by element, broadcasting. Comparisons give 1 or 0.
  add: BinaryKernel;
  sub: BinaryKernel;
  mul: BinaryKernel;
  div: BinaryKernel;
  pow: BinaryKernel;
  maximum: BinaryKernel;
  minimum: BinaryKernel;
  equal: BinaryKernel;
  less: BinaryKernel;
  lessEqual: BinaryKernel;

  neg: UnaryKernel;
  exp: UnaryKernel;
  log: UnaryKernel;
  sqrt: UnaryKernel;
  abs: UnaryKernel;
  sign: UnaryKernel;
  tanh: UnaryKernel;
  sigmoid: UnaryKernel;
  relu: UnaryKernel;
  erf: UnaryKernel;
  /** x·Φ(x) with the exact normal distribution function. */
  gelu: UnaryKernel;
  /** ½x(1 + tanh(√(2/π)(x + 0.044715x³))), GPT-2's form. */
  geluTanh: UnaryKernel;
  silu: UnaryKernel;
  /** out = gradient · d gelu/dx (x). */
  geluBackward: UnaryBackwardKernel;
  geluTanhBackward: UnaryBackwardKernel;
  siluBackward: UnaryBackwardKernel;
  /** out[i] = condition[i] ≠ 0 ? a[i] : b[i], all of one length. */
  where(condition: Numbers, a: Numbers, b: Numbers, out: Numbers): void;

  fill(out: Numbers, value: number): void;
  /** out = factor · x (x and out may be the same). */
  scale(x: Numbers, out: Numbers, factor: number): void;
  /** out += x. */
  accumulate(x: Numbers, out: Numbers): void;

  /** Contiguous out from a strided view of x. */
  copyStrided(x: Elements, out: Elements, view: StridedLayout): void;
  /** Adds contiguous x into a strided view of out. */
  addStrided(x: Numbers, out: Numbers, view: StridedLayout): void;
  /** out[o, i, n] = x[o, indices[i], n]; x is [outer, size, inner], out [outer, indices.length, inner]. */
  takeRows(x: Elements, indices: Int32Array, out: Elements, layout: AxisLayout): void;
  /** out[o, indices[i], n] += x[o, i, n]. */
  addRows(x: Numbers, indices: Int32Array, out: Numbers, layout: AxisLayout): void;
  /** out[o, i, n] = x[o, indices[o, i, n], n]; `count` = indices along the axis. */
  gatherElements(x: Elements, indices: Int32Array, out: Elements, layout: AxisLayout & { count: number }): void;
  /** out[o, indices[o, i, n], n] += x[o, i, n]. */
  addElements(x: Numbers, indices: Int32Array, out: Numbers, layout: AxisLayout & { count: number }): void;

  /** out[outer, inner] = Σ over the middle axis. */
  sum(x: Numbers, out: Numbers, layout: AxisLayout): void;
  /** out[outer, inner] = largest over the middle axis. */
  max(x: Numbers, out: Numbers, layout: AxisLayout): void;
  /** Index of the first largest element; of the first NaN where there is one. */
  argmax(x: Numbers, out: Int32Array, layout: AxisLayout): void;

  softmax(x: Numbers, out: Numbers, layout: RowsLayout): void;
  /** out = y ⊙ (g − Σ g⊙y), row by row. */
  softmaxBackward(y: Numbers, gradient: Numbers, out: Numbers, layout: RowsLayout): void;
  logSoftmax(x: Numbers, out: Numbers, layout: RowsLayout): void;

  /** out = (x − mean)·rstd·weight + bias; also writes mean[rows] and rstd[rows] = 1/√(variance + ε). */
  layerNorm(
    x: Numbers,
    weight: Numbers,
    bias: Numbers,
    out: Numbers,
    mean: Numbers,
    rstd: Numbers,
    layout: RowsLayout & { epsilon: number },
  ): void;
  /** sum = x + change, and {@link Kernels.layerNorm} of that. */
  residualLayerNorm(
    x: Numbers,
    change: Numbers,
    weight: Numbers,
    bias: Numbers,
    sum: Numbers,
    out: Numbers,
    mean: Numbers,
    rstd: Numbers,
    layout: RowsLayout & { epsilon: number },
  ): void;
  /** Gradient of x: rstd·(ĝ − mean(ĝ) − x̂·mean(ĝ⊙x̂)) with ĝ = gradient⊙weight, x̂ = (x − mean)·rstd. */
  layerNormBackward(
    x: Numbers,
    weight: Numbers,
    mean: Numbers,
    rstd: Numbers,
    gradient: Numbers,
    out: Numbers,
    layout: RowsLayout,
  ): void;
  /** Gradients of weight, Σ_rows gradient⊙x̂, and bias, Σ_rows gradient. */
  layerNormParametersBackward(
    x: Numbers,
    mean: Numbers,
    rstd: Numbers,
    gradient: Numbers,
    weightGradient: Numbers,
    biasGradient: Numbers,
    layout: RowsLayout,
  ): void;

  /** out = x/(1 − p) where the counter keeps the element, else 0. Applied to a gradient it is its own backward. */
  dropout(x: Numbers, out: Numbers, options: { probability: number; seed: DropoutSeed }): void;

  /**
   * losses[row] = cross-entropy of softmax(logits[row]) with the smoothed target, 0 for ignored rows;
   * logSumExps[row] = log Σ exp(logits[row]), kept for the backward pass.
   */
  crossEntropy(
    logits: Numbers,
    targets: Int32Array,
    losses: Numbers,
    logSumExps: Numbers,
    layout: CrossEntropyLayout,
  ): void;
  /** out[row] = gradient[row]·(softmax(logits[row]) − target distribution); ignored rows 0 (logits and out may be the same). */
  crossEntropyBackward(
    logits: Numbers,
    targets: Int32Array,
    logSumExps: Numbers,
    gradient: Numbers,
    out: Numbers,
    layout: CrossEntropyLayout,
  ): void;

  /**
   * Scaled-dot-product attention, heads read by stride from the packed projection.
   * qkv [B, T, 3·C] (q | k | v, heads contiguous inside each), out [B, T, C], logSumExps [B, heads, T]
   * (of the scaled, masked scores; kept for the backward pass).
   */
  attention(qkv: Numbers, out: Numbers, logSumExps: Numbers, layout: AttentionLayout): void;
  /** Gradient of qkv from out's gradient; recomputes the attention weights from logSumExps. */
  attentionBackward(
    qkv: Numbers,
    out: Numbers,
    logSumExps: Numbers,
    gradient: Numbers,
    qkvGradient: Numbers,
    layout: AttentionLayout,
  ): void;

  /**
   * Causal attention of new positions, of which the i-th sees past + i + 1 keys: the queries of qkv [tokens, 3·C], keys and
   * values [heads, capacity, headSize], whose first past + tokens rows are set, those of the new ones too, and out [tokens, C].
   */
  cachedAttention(qkv: Numbers, keys: Numbers, values: Numbers, out: Numbers, layout: CachedAttentionLayout): void;

  matmul(a: Numbers, b: Numbers, out: Numbers, layout: MatmulLayout): void;

  /** One AdamW update of all tensors in place: decoupled decay, then m, v and the parameter. */
  adamw(updates: readonly AdamWUpdate[], step: AdamWStep): void;
  /** Σ x² over all tensors in f64, over chunks fixed by their lengths alone. */
  sumOfSquares(tensors: readonly Numbers[]): number;
}

/** Names of the kernel sets, slowest and plainest first. */
export const KERNEL_SETS = ["reference", "blocked", "simd"] as const;
export type KernelSetName = (typeof KERNEL_SETS)[number];
