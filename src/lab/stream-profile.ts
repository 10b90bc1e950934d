/** What each layer of a model adds to the residual stream, and how many directions the stream then varies in. */

import { add, matmul, mul, noGrad, reshape, sum } from "../autograd/index.ts";
import type { LayerUse, TransformerBlock } from "../nn/index.ts";
import type { LayerProfile } from "../report/stream-profile.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Task } from "./task.ts";

/** Validation batches that the stream is looked at in. */
const BATCHES = 8;

/**
 * Looks at the stream along a path, over the first validation batches; dropout off.
 * @returns one profile per use of a layer, in their order.
 */
export function profileStream(
  { model, validation }: Pick<Task, "model" | "validation">,
  path: readonly LayerUse[],
): LayerProfile[] {
  model.eval();
  const layers = path.map(() => new LayerSums());
  const watched = path.map((use, layer): LayerUse => ({ ...use, block: watch(use, layers[layer]) }));
  for (const batch of validation.slice(0, BATCHES))
    scope(() => noGrad(() => model.hidden(batch().ids, { path: watched })));
  return layers.map((sums) => sums.profile());
}

/** Runs as the block does, which is all that a path asks of one, and tells what its parts add. */
function watch({ block, branchScale }: LayerUse, sums: LayerSums): TransformerBlock {
  const isPre = block.norm === "pre";
  const forward: TransformerBlock["forward"] = (x, call) => {
    scope(() => {
      const scaled = (branch: Tensor) => mul(branch, branchScale);
      const attended = scaled(
        block.attention.forward(isPre ? block.attentionNorm.forward(x) : x, { mask: call?.mask }),
      );
      const sum = add(x, attended);
      const between = isPre ? sum : block.attentionNorm.forward(sum);
      const fed = scaled(block.feedForward.forward(isPre ? block.feedForwardNorm.forward(between) : between));
      sums.addBranches({ x, attended, between, fed });
    });
    const output = block.forward(x, call);
    sums.addOutput(output);
    return output;
  };
  return { forward } as TransformerBlock;
}

/** What a profile needs of a layer, summed over batches. */
class LayerSums {
  #squares = { x: 0, attended: 0, between: 0, fed: 0 };
  #positions = 0;
  #sums: number[] = [];
  /** Of products of two channels each, [C · C]. */
  #products: number[] = [];

  addBranches(tensors: Record<"x" | "attended" | "between" | "fed", Tensor>): void {
    for (const name of Object.keys(tensors) as (keyof typeof tensors)[])
      this.#squares[name] += sum(mul(tensors[name], tensors[name])).item();
  }

  /** @param output [B, T, C] */
  addOutput(output: Tensor): void {
    scope(() => {
      const channels = output.shape.at(-1)!;
      const rows = reshape(output, [-1, channels]);
      this.#positions += rows.shape[0];
      this.#sums = added(this.#sums, sum(rows, { axes: [0] }));
      this.#products = added(this.#products, matmul(rows, rows, { transposeA: true }));
    });
  }

  profile(): LayerProfile {
    const { x, attended, between, fed } = this.#squares;
    const means = this.#sums.map((total) => total / this.#positions);
    const channels = means.length;
    const product = (row: number, column: number) => this.#products[row * channels + column] / this.#positions;
    const covariance = means.map((a, row) => means.map((b, column) => product(row, column) - a * b));
    const trace = means.reduce((total, _, channel) => total + covariance[channel][channel], 0);
    const squares = covariance.flat().reduce((total, value) => total + value ** 2, 0);
    const size = means.reduce((total, _, channel) => total + product(channel, channel), 0) / channels;
    return {
      attention: Math.sqrt(attended / x),
      feedForward: Math.sqrt(fed / between),
      size: Math.sqrt(size),
      rank: trace ** 2 / squares,
    };
  }
}

function added(totals: readonly number[], { numbers }: Tensor): number[] {
  return Array.from(numbers, (value, index) => value + (totals[index] ?? 0));
}
