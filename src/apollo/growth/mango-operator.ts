/**
 * Mango's operator (methods B.5 [N], reconstructed from its abstract and a review note): every matrix of the large model is a
 * linear function of *all* matrices of the small one, and the coefficients of that function are learned.
 *
 * A layer is twelve D × D matrices: Q, K, V, O, and four chunks of each feed-forward layer. Those of all layers are one tensor
 * M [B, O, L, I] (which matrix, output, layer, input), and the operator is a ring of four cores, one per axis:
 *
 *   M₂[b₂, o₂, l₂, i₂] = Σ M₁[b₁, o₁, l₁, i₁] · Σ_r SB[r₁, b₁, b₂, r₂] · SO[r₂, o₁, o₂, r₃] · SL[r₃, l₁, l₂, r₄] · SI[r₄, i₁, i₂, r₁]
 *
 * What the note does not say is this project's choice [D]:
 * - Vectors of a layer (biases, in chunks as their matrices are, and LayerNorms) mix layers by Σ_r SL[r, ·, ·, r] and grow by
 *   Σ_r SO[r, ·, ·, r]; so do embeddings and all else outside of the layers in width, save inputs of a matrix, by that of SI.
 * - Where all rank indices r are 0, SB begins with the identity, SL with a layer map, SO and SI with [I; random rows of sum 1]: old
 *   channels are copied, new ones are means of old ones, as LiGO begins. All else begins with a little noise, without which no
 *   gradient would reach it. Where no size grows, whatever the ranks, the function is preserved at the beginning, to that noise.
 */

import { add, type IndexRange, matmul, permute, reshape, slice, stack, transpose } from "../../autograd/index.ts";
import { initialize, type ModelSize, normal } from "../../nn/index.ts";
import { MAXIMUM_BYTES } from "../../tensor/memory.ts";
import { scope } from "../../tensor/scope.ts";
import { type Initializer, Parameter, type Tensor } from "../../tensor/tensor.ts";
import { type LayerMapName, layerMap } from "../layer-map.ts";
import type { SizedModel } from "../layered-model.ts";
import type { SmallModel } from "../method.ts";
import { type Cuts, joinParts, outsideBlocks, PACKED_PROJECTION, type Part, partsOf } from "./block-parts.ts";
import { OperatorModel } from "./operator-model.ts";
import { axesOf, checkGrowth } from "./parameter-axes.ts";
import { ringProduct } from "./tensor-ring.ts";
import { convexRows, widened } from "./width-matrix.ts";

export interface MangoOptions {
  large: SizedModel;
  small: SmallModel;
  /** R of the ring; 1 sufficed in the authors' study [M]. */
  rank: number;
  /** What SL begins with. */
  depthMap: LayerMapName;
  /** Of the first coefficients. */
  seed: number;
}

/** Standard deviation of what begins with neither copies nor means. */
const NOISE = 0.01;

/** The inner layer is four times as wide as the stream. */
const CUTS: Cuts = {
  ...PACKED_PROJECTION,
  "feedForward.up.weight": { axis: -1, count: 4 },
  "feedForward.up.bias": { axis: -1, count: 4 },
  "feedForward.down.weight": { axis: 0, count: 4 },
};

/** Matrices of a layer: Q, K, V, O, and four chunks of each feed-forward layer. */
const MATRICES = 12;

/** @throws when training the ring could not fit into memory, whatever else stands there: its largest product and that product's gradient. */
export function checkRingFits({ rank, from, to }: { rank: number; from: ModelSize; to: ModelSize }): void {
  const elements = rank ** 2 * MATRICES * from.hidden * to.hidden * to.layers; // [I₁, R, B, O₂, L₂, R]
  const bytes = 2 * 4 * elements;
  if (bytes <= MAXIMUM_BYTES) return;
  const [needed, available] = [bytes, MAXIMUM_BYTES].map((size) => (size / 2 ** 30).toFixed(2));
  throw new Error(
    `mango: at rank ${rank} a product of its ring takes ${needed} GiB with its gradient, the engine has ${available} GiB; ranks are small, 1 as a rule`,
  );
}

export class MangoOperator extends OperatorModel {
  /** [R, B, B, R] */
  readonly SB: Parameter;
  /** [R, D1, D2, R] */
  readonly SO: Parameter;
  /** [R, L1, L2, R] */
  readonly SL: Parameter;
  /** [R, D1, D2, R] */
  readonly SI: Parameter;
  readonly #parts: readonly Part[];
  /** M₁ [B, O, L, I] */
  readonly #matrices: Tensor;
  readonly #outside: ReadonlyMap<string, Tensor>;

  /** @throws when the small model is larger, or heads have different sizes. */
  constructor({ large, small, rank, depthMap, seed }: MangoOptions) {
    super(large);
    checkGrowth(small.size, large.size);
    const { layers: L1, hidden: D1 } = small.size;
    const { layers: L2, hidden: D2 } = large.size;
    this.#parts = partsOf(small, CUTS);
    this.#outside = outsideBlocks(small);
    const matrices = this.#parts.filter(({ shape }) => isMatrix(shape));
    this.#matrices = scope(() => {
      const all = stack(matrices.map(({ stacked }) => reshape(stacked, [L1, D1, D1]))); // [B, L, I, O]
      return permute(all, [0, 3, 1, 2]);
    });
    const B = matrices.length;
    const core = (from: number, to: number, begin: Begin) =>
      new Parameter([rank, from, to, rank], ringCore(rank, from, to, begin));
    const map = layerMap(depthMap, L1, L2);
    this.SB = core(B, B, (matrix) => oneHot(matrix, B));
    this.SO = core(D1, D2, channelShares(D1));
    this.SL = core(L1, L2, (layer) => oneHot(map[layer], L1));
    this.SI = core(D1, D2, channelShares(D1));
    initialize(this, { seed });
  }

  override weights(): Map<string, Tensor> {
    const { family } = this;
    const [outputs, layers, inputs] = [this.SO, this.SL, this.SI].map(axisMatrix);
    const made = new Map<string, Tensor>();
    for (const [name, tensor] of this.#outside) {
      const grown = widened(tensor, axesOf(name, family), ({ role }) =>
        role === "reads" && tensor.rank === 2 ? inputs : outputs,
      );
      made.set(name, grown);
    }
    const ring = ringProduct(this.#matrices, [this.SB, this.SO, this.SL, this.SI]);
    const matrices = permute(ring, [2, 0, 3, 1]); // [L2, B, I, O]
    const [L2, , width] = matrices.shape;
    const mixed = this.#parts.map(({ shape, stacked }) => (isMatrix(shape) ? null : matmul(layers, stacked))); // [L2, D1] each
    const matrixParts = this.#parts.filter(({ shape }) => isMatrix(shape));
    for (let layer = 0; layer < L2; layer++) {
      const here: IndexRange = [layer, layer + 1];
      const grown = this.#parts.map((part, index) => {
        const vectors = mixed[index];
        if (vectors !== null) return reshape(matmul(slice(vectors, [here]), outputs, { transposeB: true }), [width]);
        const matrix = matrixParts.indexOf(part);
        return reshape(slice(matrices, [here, [matrix, matrix + 1]]), [width, width]);
      });
      for (const [name, whole] of joinParts(this.#parts, grown, CUTS)) made.set(`blocks.${layer}.${name}`, whole);
    }
    return made;
  }
}

const isMatrix = (shape: readonly number[]) => shape.length === 2;

/** Σ_r C[r, ·, ·, r], as a matrix [new, old]. */
function axisMatrix(core: Tensor): Tensor {
  const [rank, from, to] = core.shape;
  const slices = Array.from({ length: rank }, (_, r) =>
    reshape(slice(core, [[r, r + 1], null, null, [r, r + 1]]), [from, to]),
  );
  return transpose(slices.reduce((sum, own) => add(sum, own)));
}

/** The shares that a new index begins with of all old ones. */
type Begin = (index: number, random: Parameters<Initializer>[1]) => ArrayLike<number>;

/** A core [R, from, to, R]: the beginning where both ranks are 0, noise elsewhere. */
const ringCore = (rank: number, from: number, to: number, begin: Begin): Initializer => {
  const noise = normal(NOISE);
  return (values, random) => {
    noise(values, random);
    for (let index = 0; index < to; index++) {
      const shares = begin(index, random);
      for (let old = 0; old < from; old++) values[(old * to + index) * rank] = shares[old];
    }
  };
};

const oneHot = (index: number, size: number) => Array.from({ length: size }, (_, other) => (other === index ? 1 : 0));

/** Old channels are copied, new ones are means of random weights. */
const channelShares =
  (from: number): Begin =>
  (channel, random) => {
    if (channel < from) return oneHot(channel, from);
    const shares = new Float32Array(from);
    convexRows(from)(shares, random);
    return shares;
  };
