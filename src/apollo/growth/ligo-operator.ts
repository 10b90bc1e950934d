/**
 * LiGO's operator (methods B.3 [T]): every weight of the large model is a linear function of the small model's, and the
 * coefficients of that function are learned.
 *
 * Depth first: layer l of the large model mixes the small layers, W_l = Σ_j w[l, j]·W_j, with coefficients of their own for Q, K,
 * V, O, both LayerNorms and both feed-forward layers, weight and bias apart [C]. Then width: each axis that grows is multiplied by
 * a matrix B = [I; B̂], so that old channels stay as they are and new ones are learned mixtures. The stream has one matrix for
 * the whole model, in which reading and writing meet; Q, K, V and the inner layer have one per target layer [C], and O reads by V's.
 *
 * B̂ begins with random rows of sum 1, w with a layer map and noise in [0, 0.03), rows again of sum 1 [C]. Nothing is divided
 * by numbers of copies: the function is not preserved at the beginning.
 */

import { matmul, reshape, slice } from "../../autograd/index.ts";
import { initialize, Module } from "../../nn/index.ts";
import { type Initializer, Parameter, type Tensor } from "../../tensor/tensor.ts";
import { type LayerMapName, layerMap } from "../layer-map.ts";
import type { SizedModel } from "../layered-model.ts";
import type { SmallModel } from "../method.ts";
import { joinParts, outsideBlocks, PACKED_PROJECTION, type Part, partsOf } from "./block-parts.ts";
import { OperatorModel } from "./operator-model.ts";
import { axesOf, checkGrowth, unitsOf } from "./parameter-axes.ts";
import { convexRows, normaliseRows, widened, widthMatrix } from "./width-matrix.ts";

export interface LigoOptions {
  large: SizedModel;
  small: SmallModel;
  /** What the depth coefficients begin with. */
  depthMap: LayerMapName;
  /** Of the first coefficients. */
  seed: number;
}

const DEPTH_NOISE = 0.03;

/** B̂ of one layer's own widths, [new channels, old channels]; absent where no width grows. */
class LayerWidths extends Module {
  readonly queries: Parameter | undefined;
  readonly keys: Parameter | undefined;
  readonly values: Parameter | undefined;
  readonly inner: Parameter | undefined;

  constructor(make: (kind: "stream" | "inner") => Parameter | undefined) {
    super();
    this.queries = make("stream");
    this.keys = make("stream");
    this.values = make("stream");
    this.inner = make("inner");
  }
}

export class LigoOperator extends OperatorModel {
  /** B̂ of the residual stream. */
  readonly stream: Parameter | undefined;
  readonly widths: readonly LayerWidths[];
  /** w of each part, [L2, L1]. */
  readonly depths: readonly Parameter[];
  readonly #parts: readonly Part[];
  readonly #outside: ReadonlyMap<string, Tensor>;

  /** @throws when the small model is larger, or heads have different sizes. */
  constructor({ large, small, depthMap, seed }: LigoOptions) {
    super(large);
    checkGrowth(small.size, large.size);
    const [from, to] = [unitsOf(small.size), unitsOf(large.size)];
    const extra = (old: number, all: number) =>
      all === old ? undefined : new Parameter([all - old, old], convexRows(old));
    const make = (kind: "stream" | "inner") =>
      kind === "stream" ? extra(from.residual, to.residual) : extra(from.inner, to.inner);
    const { layers: L1 } = small.size;
    const { layers: L2 } = large.size;
    this.stream = make("stream");
    this.widths = Array.from({ length: L2 }, () => new LayerWidths(make));
    this.#parts = partsOf(small, PACKED_PROJECTION);
    const map = layerMap(depthMap, L1, L2);
    this.depths = this.#parts.map(() => new Parameter([L2, L1], nearlyOneHot(map, L1)));
    this.#outside = outsideBlocks(small);
    initialize(this, { seed });
  }

  override weights(): Map<string, Tensor> {
    const { family } = this;
    const stream = widthMatrix(this.stream);
    const made = new Map<string, Tensor>();
    for (const [name, tensor] of this.#outside)
      made.set(
        name,
        widened(tensor, axesOf(name, family), () => stream),
      );
    const mixed = this.#parts.map(({ stacked }, index) => matmul(this.depths[index], stacked)); // [L2, elements]
    this.widths.forEach((widths, layer) => {
      const heads = [widths.queries, widths.keys, widths.values].map((extra) => widthMatrix(extra));
      const inner = widthMatrix(widths.inner);
      const grown = this.#parts.map(({ name, index: third, shape }, index) => {
        const own = reshape(slice(mixed[index], [[layer, layer + 1]]), shape);
        return widened(own, axesOf(name, family), ({ space }) =>
          space === "residual" ? stream : space === "inner" ? inner : heads[third ?? 2],
        );
      });
      for (const [name, whole] of joinParts(this.#parts, grown, PACKED_PROJECTION))
        made.set(`blocks.${layer}.${name}`, whole);
    });
    return made;
  }
}

/** Rows of sum 1 that nearly take the map's layer alone. */
const nearlyOneHot =
  (map: readonly number[], columns: number): Initializer =>
  (values, random) => {
    for (let index = 0; index < values.length; index++) {
      const isSource = map[Math.floor(index / columns)] === index % columns;
      values[index] = (isSource ? 1 : 0) + DEPTH_NOISE * random.uniform();
    }
    normaliseRows(values, columns);
  };
