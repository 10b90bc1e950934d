/**
 * LiGO's operator (methods B.3 [T]): every weight of the large model is a linear function of the small model's, and the
 * coefficients of that function are learned.
 *
 * Depth first: layer l of the large model mixes the small layers, W_l = Σ_j w[l, j]·W_j, with coefficients of their own for Q, K,
 * V, O, both LayerNorms and both feed-forward layers, weight and bias apart. Then width: each axis that grows is multiplied by
 * a matrix B = [I; B̂], so that old channels stay as they are and new ones are learned mixtures. The stream has one matrix for
 * the whole model, in which reading and writing meet; Q, K, V and the inner layer have one per layer, and O reads by V's.
 *
 * B̂ begins with random rows of sum 1, w with a layer map and noise in [0, 0.03), rows again of sum 1 [C]. Nothing is divided
 * by numbers of copies: the function is not preserved at the beginning.
 */

import { concat, matmul, noGrad, reshape, slice } from "../../autograd/index.ts";
import { functionalCall, initialize, Module } from "../../nn/index.ts";
import { scope } from "../../tensor/scope.ts";
import { type Initializer, Parameter, Tensor } from "../../tensor/tensor.ts";
import { type LayerMapName, layerMap } from "../layer-map.ts";
import type { LayeredModel, SizedModel } from "../layered-model.ts";
import type { SmallModel } from "../method.ts";
import { type Axis, axesOf, blockPlace, checkGrowth, unitsOf } from "./parameter-axes.ts";
import type { Values } from "./widen.ts";

export interface LigoOptions {
  large: SizedModel;
  small: SmallModel;
  /** What the depth coefficients begin with. */
  depthMap: LayerMapName;
  /** Of the first coefficients. */
  seed: number;
}

const DEPTH_NOISE = 0.03;

/** A block's parameter, or a third of the packed projection: what has depth coefficients of its own. */
interface Part {
  name: string;
  /** 0, 1, 2: queries, keys or values; null where the parameter is one. */
  third: number | null;
  /** Of all small layers: [L1, elements of one]. */
  stacked: Tensor;
  /** Of one small layer. */
  shape: readonly number[];
}

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

/** The coefficients as a model: its parameters are they, its loss is that of the large model which they make. */
export class LigoOperator extends Module implements LayeredModel<never> {
  /** B̂ of the residual stream. */
  readonly stream: Parameter | undefined;
  readonly widths: readonly LayerWidths[];
  /** w of each part, [L2, L1]. */
  readonly depths: readonly Parameter[];
  // Private, and so not among the fields whose parameters are trained.
  readonly #large: SizedModel;
  readonly #parts: readonly Part[];
  readonly #outside: ReadonlyMap<string, Tensor>;

  /** @throws when the small model is larger, or heads have different sizes. */
  constructor({ large, small, depthMap, seed }: LigoOptions) {
    super();
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
    this.#large = large;
    this.#parts = partsOf(small);
    const map = layerMap(depthMap, L1, L2);
    this.depths = this.#parts.map(() => new Parameter([L2, L1], nearlyOneHot(map, L1)));
    this.#outside = new Map(
      [...small.weights]
        .filter(([name]) => blockPlace(name) === null)
        .map(([name, values]) => [name, asTensor(values)]),
    );
    initialize(this, { seed });
  }

  get blocks(): SizedModel["blocks"] {
    return this.#large.blocks;
  }

  loss(...[batch, options]: Parameters<SizedModel["loss"]>): Tensor {
    return functionalCall(this.#large, this.weights(), () => this.#large.loss(batch, options));
  }

  /** Writes what the coefficients make into the large model. */
  apply(): void {
    scope(() =>
      noGrad(() => {
        const made = [...this.weights()].map(
          ([name, tensor]) => [name, { shape: tensor.shape, values: tensor.toFlatArray() }] as const,
        );
        this.#large.loadStateDict(new Map(made));
      }),
    );
  }

  /** Every weight of the large model, by name. */
  weights(): Map<string, Tensor> {
    const { family } = this.#large;
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
      const grown = this.#parts.map(({ name, third, shape }, index) => {
        const own = reshape(slice(mixed[index], [[layer, layer + 1]]), shape);
        return widened(own, axesOf(name, family), ({ space }) =>
          space === "residual" ? stream : space === "inner" ? inner : heads[third ?? 2],
        );
      });
      const names = [...new Set(this.#parts.map(({ name }) => name))];
      for (const name of names) {
        const parts = grown.filter((_, index) => this.#parts[index].name === name);
        made.set(`blocks.${layer}.${name}`, parts.length === 1 ? parts[0] : concat(parts, { axis: -1 }));
      }
    });
    return made;
  }
}

/** B = [I; B̂]; null where the width stays. */
function widthMatrix(extra: Parameter | undefined): Tensor | null {
  return extra === undefined ? null : concat([identityOf(extra.shape[1]), extra]);
}

/** Multiplies every axis that grows by its matrix. */
function widened(x: Tensor, axes: readonly (Axis | null)[], matrixOf: (axis: Axis) => Tensor | null): Tensor {
  return axes.reduce((grown, axis, dimension) => {
    const matrix = axis === null ? null : matrixOf(axis);
    if (matrix === null) return grown;
    if (grown.rank === 1) return reshape(matmul(matrix, reshape(grown, [grown.size, 1])), [matrix.shape[0]]);
    return dimension === 0 ? matmul(matrix, grown) : matmul(grown, matrix, { transposeB: true });
  }, x);
}

/** The parts of the small model's blocks, in the order of their parameters. */
function partsOf({ size, weights }: SmallModel): Part[] {
  const names = [...weights.keys()]
    .filter((name) => name.startsWith("blocks.0."))
    .map((name) => blockPlace(name)!.name);
  return names.flatMap((name) => {
    const layers = Array.from({ length: size.layers }, (_, layer) => weights.get(`blocks.${layer}.${name}`)!);
    if (!name.startsWith("attention.qkv.")) return [partOf(name, null, layers)];
    return [0, 1, 2].map((third) =>
      partOf(
        name,
        third,
        layers.map((values) => thirdOf(values, third)),
      ),
    );
  });
}

function partOf(name: string, third: number | null, layers: readonly Values[]): Part {
  const elements = layers[0].values.length;
  const all = new Float32Array(layers.length * elements);
  layers.forEach(({ values }, layer) => all.set(values, layer * elements));
  return { name, third, stacked: Tensor.from(all, [layers.length, elements]), shape: layers[0].shape };
}

/** Queries, keys or values of a packed [..., 3C]. */
function thirdOf({ shape, values }: Values, third: number): Values {
  const width = shape[shape.length - 1] / 3;
  const own = Array.from({ length: values.length / 3 }, (_, index) => {
    const row = Math.floor(index / width);
    return values[(3 * row + third) * width + (index % width)];
  });
  return { shape: [...shape.slice(0, -1), width], values: own };
}

const asTensor = ({ shape, values }: Values) => Tensor.from(values, shape);

function identityOf(size: number): Tensor {
  const values = new Float32Array(size * size);
  for (let index = 0; index < size; index++) values[index * (size + 1)] = 1;
  return Tensor.from(values, [size, size]);
}

/** Random rows of sum 1. */
const convexRows =
  (columns: number): Initializer =>
  (values, random) => {
    for (let index = 0; index < values.length; index++) values[index] = random.uniform();
    normaliseRows(values, columns);
  };

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

function normaliseRows(values: { [index: number]: number; length: number }, columns: number): void {
  for (let start = 0; start < values.length; start += columns) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += values[start + column];
    for (let column = 0; column < columns; column++) values[start + column] /= sum;
  }
}
